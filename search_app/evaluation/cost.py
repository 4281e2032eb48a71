"""What an encoder costs: time for a sentence and for a picture, measured alone, after a warm-up."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median

import numpy as np

from search_app.encoders.base import Encoder

_WARM_UP = 2
_SENTENCES = 21
_BATCHES = 5
_MAX_BATCH = 16


@dataclass(frozen=True, slots=True)
class EncoderCost:
    """Medians on this machine."""

    text_ms: float
    """One sentence, not asked before."""
    image_ms: float
    """One picture of a batch, the tower alone: decoding and resizing are the same for all models."""
    dim: int
    """Numbers in a vector: a picture takes four bytes of each in the index."""


def encoder_cost(encoder: Encoder, texts: Sequence[str]) -> EncoderCost:
    """Time `encoder`; `texts` are sentences like those that are asked."""
    asked = [f"{texts[place % len(texts)]} {place}" for place in range(_SENTENCES)]
    text = _median([partial(encoder.encode_texts, [one]) for one in asked])
    height, width = encoder.spec.image_size
    size = min(encoder.spec.batch_size, _MAX_BATCH)
    pixels = np.random.default_rng(0).integers(0, 256, (size, height, width, 3), dtype=np.uint8)
    image = _median([partial(encoder.encode_images, pixels)] * (_WARM_UP + _BATCHES)) / size
    return EncoderCost(1000 * text, 1000 * image, encoder.spec.dim)


def _median(works: Sequence[Callable[[], object]]) -> float:
    """Seconds; the first ones are not counted."""
    seconds = []
    for work in works:
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return median(seconds[_WARM_UP:])
