"""Device and precision must follow the hardware, and a wish that cannot be met must say so."""

import platform
from pathlib import Path

import pytest

from search_app.encoders.open_clip_package import torch
from search_app.encoders.torch_device import choose_device, choose_precision, has_bf16
from search_app.errors import EncoderError

AVX2 = "processor : 0\nflags : fpu sse4_2 avx avx2 fma\nbugs : none\n"


@pytest.mark.parametrize(
    ("flags", "expected"), [("avx512f avx512_bf16", True), ("amx_tile amx_bf16", True), ("avx512f avx512_vnni", False)]
)
def test_bf16_needs_instructions_for_it(flags: str, expected: bool):
    assert has_bf16(AVX2.replace("avx2", f"avx2 {flags}")) is expected


def test_a_processor_without_bf16_is_known():
    assert not has_bf16(AVX2)
    assert not has_bf16("")
    assert not has_bf16("Features : fp asimd bf16")  # Arm: not measured, so fp32


@pytest.mark.skipif(platform.system() != "Linux", reason="reads /proc/cpuinfo")
def test_this_machine_gets_what_its_processor_has():
    expected = "bf16" if has_bf16(Path("/proc/cpuinfo").read_text(encoding="utf-8")) else "fp32"
    assert choose_precision(torch.device("cpu")) == expected


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_cuda_without_cuda_says_what_to_do():
    with pytest.raises(
        EncoderError, match=r"SEARCH_DEVICE=cuda, but PyTorch .* sees no CUDA device: set SEARCH_DEVICE=auto"
    ):
        choose_device("cuda")
    assert choose_device("auto").type == "cpu"


def test_the_cpu_can_be_had_anywhere():
    assert choose_device("cpu").type == "cpu"
