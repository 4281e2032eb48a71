"""On a GPU: the vectors of the CPU, whatever the batch and the thread, and memory that runs out costs nobody else."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from search_app.datatypes import PixelBatch
from search_app.encoders.open_clip import OpenClipEncoder
from search_app.encoders.open_clip_package import torch
from search_app.errors import EncoderError
from tests.encoders.conftest import MakeCheckpoint, random_model

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")

TEXTS = ["", "a", "A red CAR, isn't it?", "café 寿司 \u0000 #1!", "many words " * 100]
# bf16 keeps 8 bits of a number: what it does to a vector of the true shapes, on the CPU as on a GPU.
CLOSE = 0.999


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("weights") / "ViT-B-32.pt"
    torch.save(random_model("ViT-B-32").state_dict(), file)
    return f"ViT-B-32/{file}"


@pytest.fixture(scope="module")
def encoder(weights: str) -> Iterator[OpenClipEncoder]:
    encoder = OpenClipEncoder.load(weights)
    yield encoder
    encoder.close()


def pictures(count: int, side: int = 224) -> PixelBatch:
    return np.random.default_rng(count).integers(0, 256, (count, side, side, 3), dtype=np.uint8)


def least_cosine(first: np.ndarray, second: np.ndarray) -> float:
    return float((first * second).sum(axis=1).min())


def test_auto_is_the_gpu_and_the_fingerprint_is_that_of_the_cpu(encoder: OpenClipEncoder, weights: str):
    spec = encoder.spec
    assert spec.device == "cuda"
    assert spec.precision == ("bf16" if torch.cuda.get_device_capability() >= (8, 0) else "fp32")
    assert spec.fingerprint == OpenClipEncoder.load(weights, device="cpu", precision="fp32").spec.fingerprint


def test_vectors_are_those_of_the_cpu(encoder: OpenClipEncoder, weights: str):
    plain = OpenClipEncoder.load(weights, device="cpu", precision="fp32")
    pixels = pictures(8)
    assert least_cosine(encoder.encode_images(pixels), plain.encode_images(pixels)) > CLOSE
    assert least_cosine(encoder.encode_texts(TEXTS), plain.encode_texts(TEXTS)) > CLOSE


def test_full_precision_on_the_gpu_is_that_of_the_cpu(weights: str):
    there = OpenClipEncoder.load(weights, device="cuda", precision="fp32")
    here = OpenClipEncoder.load(weights, device="cpu", precision="fp32")
    pixels = pictures(8)
    np.testing.assert_allclose(there.encode_images(pixels), here.encode_images(pixels), rtol=0, atol=1e-4)
    np.testing.assert_allclose(there.encode_texts(TEXTS), here.encode_texts(TEXTS), rtol=0, atol=1e-4)


def test_more_than_a_batch_comes_back_in_order(encoder: OpenClipEncoder):
    pixels = pictures(2 * encoder.spec.batch_size + 3)
    together = encoder.encode_images(pixels)
    some = [0, 1, encoder.spec.batch_size - 1, encoder.spec.batch_size, len(pixels) - 1]
    alone = np.concatenate([encoder.encode_images(pixels[[number]]) for number in some])
    assert least_cosine(together[some], alone) > CLOSE
    assert np.argmax(together @ alone.T, axis=0).tolist() == some


def test_many_threads_get_what_one_gets(encoder: OpenClipEncoder):
    each = [pictures(count) for count in range(1, 9)]
    expected = [encoder.encode_images(pixels) for pixels in each]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(5):
            for vectors, wanted in zip(pool.map(encoder.encode_images, each), expected, strict=True):
                assert least_cosine(vectors, wanted) > CLOSE


def test_memory_that_runs_out_is_told_and_the_next_batch_goes_through(encoder: OpenClipEncoder):
    pixels = pictures(encoder.spec.batch_size)
    before = encoder.encode_images(pixels[:4])
    torch.cuda.empty_cache()
    held = torch.cuda.memory_reserved() / torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction(held)
    try:
        with pytest.raises(EncoderError, match=r"fails on cuda: .*out of memory"):
            encoder.encode_images(np.concatenate([pixels] * 4))
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    np.testing.assert_array_equal(encoder.encode_images(pixels[:4]), before)


def test_a_closed_encoder_gives_its_memory_back(make_checkpoint: MakeCheckpoint):
    held = torch.cuda.memory_allocated()
    encoder = OpenClipEncoder.load(f"tiny-clip/{make_checkpoint('tiny-clip')}")
    encoder.encode_images(pictures(3, 32))
    assert torch.cuda.memory_allocated() > held
    encoder.close()
    assert torch.cuda.memory_allocated() == held


def test_what_one_embeds_the_other_finds(weights: str):
    """An index that was filled on a GPU is searched on a laptop, and the other way round."""
    pixels = pictures(16)
    there, here = OpenClipEncoder.load(weights), OpenClipEncoder.load(weights, device="cpu", precision="fp32")
    for stored, asked in ((there, here), (here, there)):
        scores = asked.encode_images(pixels) @ stored.encode_images(pixels).T
        assert scores.argmax(axis=1).tolist() == list(range(16))
