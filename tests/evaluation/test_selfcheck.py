"""The self-check must pass sound encoders and fail each kind of unsound one."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from importlib.resources import files

import numpy as np
import pytest
from PIL import Image

from search_app.datatypes import EncoderSpec, FloatMatrix, PixelArray, PixelBatch
from search_app.evaluation.selfcheck import (
    LOGIT_SCALE,
    PUBLISHED_PROBABILITIES,
    PUBLISHED_TEXTS,
    check_encoder,
    check_published_example,
    published_picture,
)

SPEC = EncoderSpec(name="made-up/encoder", dim=64, fingerprint="0", image_size=(32, 32))
SIDE = 32


def hashed(data: bytes) -> np.ndarray:
    seed = int.from_bytes(hashlib.sha256(data).digest()[:8], "big")
    row = np.random.default_rng(seed).normal(size=SPEC.dim)
    return row / np.linalg.norm(row)


class Sound:
    """Another vector for every picture and every sentence."""

    spec = SPEC

    def prepare(self, image: Image.Image) -> PixelArray:
        return np.asarray(image.resize((SIDE, SIDE)))

    def encode_images(self, pixels: PixelBatch) -> FloatMatrix:
        return np.stack([hashed(picture.tobytes()) for picture in pixels]).astype(np.float32)

    def encode_texts(self, texts: Sequence[str]) -> FloatMatrix:
        return np.stack([hashed(text.encode()) for text in texts]).astype(np.float32)

    def close(self) -> None:
        """Nothing to give back."""


class Constant(Sound):
    def encode_images(self, pixels: PixelBatch) -> FloatMatrix:
        return np.repeat(hashed(b"the same")[None], len(pixels), axis=0).astype(np.float32)


class Deaf(Sound):
    def encode_texts(self, texts: Sequence[str]) -> FloatMatrix:
        return np.repeat(hashed(b"the same")[None], len(texts), axis=0).astype(np.float32)


class Broken(Sound):
    def encode_images(self, pixels: PixelBatch) -> FloatMatrix:
        return np.full((len(pixels), SPEC.dim), np.nan, dtype=np.float32)


class Long(Sound):
    def encode_texts(self, texts: Sequence[str]) -> FloatMatrix:
        return 2 * super().encode_texts(texts)


class Moody(Sound):
    calls = 0

    def encode_images(self, pixels: PixelBatch) -> FloatMatrix:
        Moody.calls += 1
        return np.stack([hashed(picture.tobytes() + bytes([self.calls])) for picture in pixels]).astype(np.float32)


class Neighbourly(Sound):
    """A vector depends on what else is in the batch, as with a batch norm that was left in training."""

    def encode_texts(self, texts: Sequence[str]) -> FloatMatrix:
        return np.stack([hashed(f"{text} of {len(texts)}".encode()) for text in texts]).astype(np.float32)


class Narrow(Sound):
    spec = replace(SPEC, dim=63)


def failed(encoder: Sound) -> set[str]:
    return {check.name for check in check_encoder(encoder) if check.ok is False}


def test_a_sound_encoder_passes():
    assert failed(Sound()) == set()


@pytest.mark.parametrize(
    ("encoder", "name"),
    [
        (Constant(), "different pictures have different vectors"),
        (Deaf(), "different sentences have different vectors"),
        (Broken(), "vectors are finite and of unit length"),
        (Long(), "vectors are finite and of unit length"),
        (Moody(), "the same pictures have the same vectors"),
        (Neighbourly(), "a sentence alone is as in a batch"),
        (Narrow(), "dimension"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Sound) else "",
)
def test_each_fault_is_found(encoder: Sound, name: str):
    assert name in failed(encoder)


class Published(Sound):
    """Gives OpenAI's probabilities for the published picture, off by what is asked."""

    def __init__(self, name: str, precision: str = "fp32", error: float = 0.0) -> None:
        self.spec = replace(SPEC, name=name, precision=precision)
        wanted = np.add(PUBLISHED_PROBABILITIES, (-error, error, 0))
        self.cosines = 0.2 + np.log(wanted) / LOGIT_SCALE

    def encode_images(self, pixels: PixelBatch) -> FloatMatrix:
        return np.eye(SPEC.dim, dtype=np.float32)[: len(pixels)]

    def encode_texts(self, texts: Sequence[str]) -> FloatMatrix:
        assert tuple(texts) == PUBLISHED_TEXTS
        rows = np.zeros((len(texts), SPEC.dim), dtype=np.float32)
        rows[:, 0], rows[:, 1] = self.cosines, np.sqrt(1 - self.cosines**2)
        return rows


@pytest.mark.parametrize(
    ("encoder", "verdict"),
    [
        (Published("ViT-B-32/openai"), True),
        (Published("ViT-B-32-quickgelu/openai"), True),
        (Published("ViT-B-32/openai", error=1e-3), False),
        (Published("ViT-B-32/openai", precision="bf16", error=1e-3), True),
        (Published("ViT-B-32/openai", precision="bf16", error=5e-3), False),
        (Published("ViT-B-32/laion2b_s34b_b79k"), None),
    ],
)
def test_the_published_figures_decide_for_the_model_they_were_published_for(encoder: Published, verdict: bool | None):
    assert check_published_example(encoder).ok is verdict


def test_any_other_weights_under_the_default_name_fail_the_published_example():
    stranger = Sound()
    stranger.spec = replace(SPEC, name="ViT-B-32/openai")
    check = check_published_example(stranger)
    assert check.ok is False
    assert "published 0.99279 0.00421 0.00300" in check.detail
    assert failed(stranger) == {"OpenAI's published example"}


def test_the_published_picture_is_the_one_openai_published():
    content = (files("search_app.evaluation") / "data" / "CLIP.png").read_bytes()
    assert hashlib.sha256(content).hexdigest() == "308a3ca4503f1c7a07803916c369d78c4ef501e5ab7fc727da9b5e1d2f9ec85b"


def test_the_published_picture_is_seen_as_openais_transform_shows_it():
    from search_app.encoders.open_clip_package import open_clip

    config = open_clip.transform.PreprocessCfg(mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    with (files("search_app.evaluation") / "data" / "CLIP.png").open("rb") as stream, Image.open(stream) as image:
        theirs = open_clip.transform.image_transform_v2(config, is_train=False)(image).numpy()
    assert published_picture().mode == "RGB"
    np.testing.assert_array_equal(np.round(theirs * 255).transpose(1, 2, 0), np.asarray(published_picture()))
