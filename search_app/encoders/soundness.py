"""Whether vectors can be those of a working model: of the stated shape, finite, of unit length, not all the same.

A model that is broken rarely raises. A bad export, damaged weights or a card that fails give vectors that look well
one by one: too long, not finite, or the same for everything that is asked.
"""

import numpy as np
from PIL import Image

from search_app.datatypes import FloatMatrix, PixelBatch
from search_app.encoders.base import Encoder
from search_app.errors import EncoderError

UNIT_TOLERANCE = 1e-3
SAME = 1e-4
"""Rows nearer than this in every coordinate are one vector: rounding stays below, different content does not."""
DIFFERENT_PIXELS = 16.0
"""Mean difference of two pictures in grey levels from which no working model gives both one vector."""
PROBES = ("a red car on a road", "a glass of cold beer")
_REMEDY = "its weights or its export are damaged: bring the model back from a copy, or choose another"


def checked(encoder: Encoder, vectors: FloatMatrix, count: int) -> FloatMatrix:
    """The vectors that an encoder gave for `count` texts or pictures.

    Raises `EncoderError` for another shape and for rows that are not finite or not of unit length.
    """
    spec = encoder.spec
    if vectors.shape != (count, spec.dim):
        raise EncoderError(
            f"model {spec.name} gave vectors of shape {vectors.shape}, not {(count, spec.dim)}: {_REMEDY}"
        )
    if not are_unit(vectors):
        raise EncoderError(f"model {spec.name} gave vectors that are not finite or not of unit length: {_REMEDY}")
    return vectors


def are_unit(vectors: FloatMatrix) -> bool:
    """Whether all rows are finite and of unit length."""
    with np.errstate(over="ignore", invalid="ignore"):
        # A comparison with NaN is false, so this refuses vectors that are not finite too.
        return bool((np.abs(np.linalg.norm(vectors, axis=1) - 1) < UNIT_TOLERANCE).all())


def are_one(vectors: FloatMatrix) -> bool:
    """Whether several rows are all the same vector."""
    return len(vectors) > 1 and bool(np.ptp(vectors, axis=0).max() < SAME)


def probe_texts(encoder: Encoder) -> FloatMatrix:
    """The vectors of `PROBES`; raises `EncoderError` where they cannot be those of a working model. Milliseconds."""
    vectors = checked(encoder, encoder.encode_texts(PROBES), len(PROBES))
    if are_one(vectors):
        raise EncoderError(f"model {encoder.spec.name} gives different texts the same vector: {_REMEDY}")
    return vectors


def probe_pictures(encoder: Encoder) -> FloatMatrix:
    """The vectors of a plain picture and of noise; raises `EncoderError` as `probe_texts` does."""
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    pixels = np.stack([encoder.prepare(picture) for picture in (Image.new("RGB", (32, 32)), Image.fromarray(noise))])
    vectors = checked(encoder, encoder.encode_images(pixels), len(pixels))
    require_variety(encoder, pixels, vectors)
    return vectors


def require_variety(encoder: Encoder, pixels: PixelBatch, vectors: FloatMatrix) -> None:
    """Raise `EncoderError` where pictures that look different all have the same vector."""
    if not are_one(vectors):
        return
    first, rest = pixels[0].astype(np.int16), pixels[1:]
    if max(float(np.abs(first - other).mean()) for other in rest) > DIFFERENT_PIXELS:
        raise EncoderError(f"model {encoder.spec.name} gives different pictures the same vector: {_REMEDY}")
