"""Where torch runs and in which precision: by what the hardware has."""

from pathlib import Path
from typing import Literal

from search_app.encoders.open_clip_package import torch
from search_app.errors import EncoderError

Device = Literal["auto", "cpu", "cuda"]
Precision = Literal["auto", "fp32", "bf16"]

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
# Where neither is there, bf16 is emulated: seven times slower than fp32 on an AVX2 processor.
BF16_PROCESSOR_FLAGS = {"avx512_bf16", "amx_bf16"}


def choose_device(wanted: Device) -> torch.device:
    """Take what was asked for; `auto` is CUDA where there is one.

    Raises `EncoderError` where CUDA was asked for and torch sees none.
    """
    if wanted == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if wanted == "cuda" and not torch.cuda.is_available():
        raise EncoderError(
            f"SEARCH_DEVICE=cuda, but PyTorch {torch.__version__} sees no CUDA device: set SEARCH_DEVICE=auto to run "
            "on the CPU, or install the CUDA build of PyTorch and the GPU's driver"
        )
    return torch.device(wanted)


def choose_precision(device: torch.device) -> Literal["fp32", "bf16"]:
    """Take bf16 where the device computes in it, else fp32: on such a CPU it is four times as fast."""
    if device.type == "cuda":
        return "bf16" if torch.cuda.get_device_capability(device) >= (8, 0) else "fp32"
    processor = Path("/proc/cpuinfo")
    return "bf16" if processor.exists() and has_bf16(processor.read_text(encoding="utf-8")) else "fp32"


def has_bf16(cpuinfo: str) -> bool:
    """Whether the processor that `/proc/cpuinfo` describes multiplies in bf16 itself."""
    flags = next((line for line in cpuinfo.splitlines() if line.startswith("flags")), "")
    return not BF16_PROCESSOR_FLAGS.isdisjoint(flags.split())
