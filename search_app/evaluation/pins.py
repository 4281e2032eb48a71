"""Vectors that the bundled model is known to give, so that a machine on which it computes otherwise shows.

A hash tells that the weights are right, not that they are computed with well: a runtime of another version, a processor
with other instructions. `data/pins.npz` is written by `python -m tests.truth.pin`.
"""

from importlib.resources import files

import numpy as np
from PIL import Image

from search_app.datatypes import FloatMatrix
from search_app.encoders.base import Encoder
from search_app.evaluation.selfcheck import SENTENCES, Check, made_pictures

LEAST_COSINE = 0.999


def pinned_vectors(encoder: Encoder) -> FloatMatrix:
    """What is pinned: the vectors of `SENTENCES` and of the pictures of the self-check, rows in that order."""
    pixels = np.stack([encoder.prepare(Image.fromarray(picture)) for picture in made_pictures()])
    return np.concatenate([encoder.encode_texts(SENTENCES), encoder.encode_images(pixels)])


def check_pins(encoder: Encoder) -> Check:
    """Compare with the pins of this fingerprint, where there are some."""
    name = "vectors are those this version was made with"
    with (files("search_app.evaluation") / "data" / "pins.npz").open("rb") as stream, np.load(stream) as pins:
        if encoder.spec.fingerprint not in pins:
            return Check(
                name, ok=None, detail="none are kept of this model: its index is compared with its files instead"
            )
        pinned = pins[encoder.spec.fingerprint].astype(np.float32)
    found = pinned_vectors(encoder)
    cosines = (found * pinned).sum(axis=1) / np.linalg.norm(pinned, axis=1)
    ok = bool((cosines >= LEAST_COSINE).all())
    remedy = "" if ok else "install the packages again: pip install -r requirements-lite.txt -c constraints.txt"
    return Check(name, ok, f"{len(pinned)} texts and pictures, least cosine {cosines.min():.5f}", remedy)
