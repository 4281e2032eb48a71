"""What `doctor` asks of an encoder: sound vectors, and the figures its authors published."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files

import numpy as np
from PIL import Image

from search_app.datatypes import FloatMatrix, PixelArray
from search_app.encoders.base import Encoder

# README of github.com/openai/CLIP: CLIP.png against three texts, softmax of 100 x cosine, for ViT-B/32.
PUBLISHED_TEXTS = ("a diagram", "a dog", "a cat")
PUBLISHED_PROBABILITIES = (0.9927937, 0.00421068, 0.00299572)
PUBLISHED_FOR = ("ViT-B-32/openai", "ViT-B-32-quickgelu/openai")
LOGIT_SCALE = 100
# Another fp32 implementation (99991/NPCLIP, in numpy) prints the same figures to 2e-7; a grey level here and there, by
# another version of Pillow, stays within 1e-4. In bf16 a cosine may be off by 1e-3, a logit by 0.1, and 0.0072, the
# share of the two wrong texts, by a tenth or two of itself.
TOLERANCE = {"fp32": 5e-4, "bf16": 2e-3}

UNIT_TOLERANCE = 1e-3
EXACT = 1e-6
# Rows of one batch and single rows take different paths through a matrix product.
REPEAT_TOLERANCE = {"fp32": 1e-4, "bf16": 2e-2}
DISTINCT_TOLERANCE = 1e-4
SENTENCES = ("a red car in the rain", "two dogs on a beach", "an advertisement for shampoo")


@dataclass(frozen=True, slots=True)
class Check:
    """One question and its answer."""

    name: str
    ok: bool | None
    """None: the question does not apply to this encoder."""
    detail: str
    remedy: str = ""
    """What to do where it failed."""


def check_encoder(encoder: Encoder) -> list[Check]:
    """Ask every question; an encoder is sound when no answer is False."""
    pictures = [Image.fromarray(pixels) for pixels in made_pictures()]
    pixels = np.stack([encoder.prepare(picture) for picture in pictures])
    images, texts = encoder.encode_images(pixels), encoder.encode_texts(SENTENCES)
    tolerance = REPEAT_TOLERANCE.get(encoder.spec.precision, max(REPEAT_TOLERANCE.values()))
    return [
        _check_shape(encoder, images, texts),
        _check_lengths(images, texts),
        _check_distinct("different pictures have different vectors", images),
        _check_distinct("different sentences have different vectors", texts),
        _check_equal("the same pictures have the same vectors", images, encoder.encode_images(pixels), EXACT),
        _check_equal("the same sentences have the same vectors", texts, encoder.encode_texts(SENTENCES), EXACT),
        _check_equal("a picture alone is as in a batch", images[:1], encoder.encode_images(pixels[:1]), tolerance),
        _check_equal("a sentence alone is as in a batch", texts[:1], encoder.encode_texts(SENTENCES[:1]), tolerance),
        check_published_example(encoder),
    ]


def check_published_example(encoder: Encoder) -> Check:
    """Compare with the example OpenAI published for ViT-B/32."""
    name = "OpenAI's published example"
    image = encoder.encode_images(encoder.prepare(published_picture())[None])
    logits = LOGIT_SCALE * (image @ encoder.encode_texts(PUBLISHED_TEXTS).T)[0].astype(np.float64)
    probabilities = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
    got = f"{_figures(probabilities)} for {', '.join(PUBLISHED_TEXTS)}"
    if encoder.spec.name not in PUBLISHED_FOR:
        return Check(name, None, f"not comparable: published for {PUBLISHED_FOR[0]}; {encoder.spec.name} gives {got}")
    error = float(np.abs(probabilities - PUBLISHED_PROBABILITIES).max())
    ok = bool(error <= TOLERANCE.get(encoder.spec.precision, max(TOLERANCE.values())))
    return Check(name, ok, f"{got}; published {_figures(PUBLISHED_PROBABILITIES)}, largest difference {error:.1g}")


def published_picture() -> Image.Image:
    """CLIP.png as OpenAI's own transform leaves it for ViT-B/32: 224 x 224, RGB.

    It is mostly transparent, and OpenAI's transform drops transparency after resizing, which shows it on black. The
    product lays transparent pictures on white, so the figures hold for these pixels only.
    """
    with (files("search_app.evaluation") / "data" / "CLIP.png").open("rb") as stream, Image.open(stream) as image:
        resized = image.resize((int(224 * image.width / image.height), 224), Image.Resampling.BICUBIC)
    left = round((resized.width - 224) / 2)
    return resized.crop((left, 0, left + 224, 224)).convert("RGB")


def made_pictures() -> Iterator[PixelArray]:
    """Four plain colours, a ramp and noise."""
    for colour in ((200, 30, 30), (30, 160, 60), (30, 70, 220), (240, 240, 240)):
        yield np.full((240, 320, 3), colour, dtype=np.uint8)
    yield np.broadcast_to(np.linspace(0, 255, 320).astype(np.uint8)[None, :, None], (240, 320, 3))
    yield np.random.default_rng(0).integers(0, 256, (240, 320, 3), dtype=np.uint8)


def _check_shape(encoder: Encoder, images: FloatMatrix, texts: FloatMatrix) -> Check:
    dim, shapes = encoder.spec.dim, (images.shape[1], texts.shape[1])
    return Check("dimension", shapes == (dim, dim), f"pictures {shapes[0]}, sentences {shapes[1]}, stated {dim}")


def _check_lengths(images: FloatMatrix, texts: FloatMatrix) -> Check:
    lengths = np.concatenate([np.linalg.norm(rows, axis=1) for rows in (images, texts)])
    finite = bool(np.isfinite(lengths).all())
    ok = finite and bool((np.abs(lengths - 1) <= UNIT_TOLERANCE).all())
    return Check(
        "vectors are finite and of unit length",
        ok,
        f"lengths {lengths.min():.6f} to {lengths.max():.6f}" if finite else "some are not finite",
    )


def _check_distinct(name: str, rows: FloatMatrix) -> Check:
    closeness = float((rows @ rows.T)[np.triu_indices(len(rows), 1)].max())
    return Check(name, closeness < 1 - DISTINCT_TOLERANCE, f"the two most alike have cosine {closeness:.4f}")


def _check_equal(name: str, first: FloatMatrix, second: FloatMatrix, tolerance: float) -> Check:
    difference = float(np.abs(first - second).max())
    return Check(name, difference <= tolerance, f"largest difference {difference:.1g}")


def _figures(values: Sequence[float] | np.ndarray) -> str:
    return " ".join(f"{value:.5f}" for value in values)
