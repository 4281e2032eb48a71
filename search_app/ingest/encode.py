"""From pixels to vectors, a batch at a time; what one picture does to the model costs that picture only."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from search_app.datatypes import FloatMatrix, FloatVector, Picture, PixelBatch
from search_app.encoders.base import Encoder
from search_app.encoders.soundness import checked, require_variety
from search_app.errors import EncoderError
from search_app.ingest.plan import Embed
from search_app.ingest.prepare import Prepared

NO_VECTOR = "the model gives no usable vector"


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """One file on its way to the index: a picture with its vector, or the reason why there is none."""

    item: Embed
    picture: Picture | None
    vector: FloatVector | None
    reason: str = ""
    is_unreachable: bool = False
    """As `Prepared` has it."""


def encode_batch(encoder: Encoder, batch: Sequence[Prepared]) -> list[Encoded]:
    """Encode a batch, in its order; where that fails each picture is tried alone, so that one cannot cost the others.

    Raises `EncoderError` where none of several works or all get one vector: the model is broken, not the pictures.
    """
    rows: dict[int, FloatVector] = {}
    places = [place for place, item in enumerate(batch) if item.pixels is not None]
    usable = [batch[place] for place in places]
    if usable:
        kept, vectors = _encode(encoder, usable)
        rows = {places[at]: vector for at, vector in zip(kept, vectors, strict=True)}
        if kept:
            require_variety(encoder, _pixels([usable[at] for at in kept]), vectors)
    return [
        Encoded(item.item, item.picture, rows[place])
        if place in rows
        else Encoded(item.item, None, None, item.reason or NO_VECTOR, item.is_unreachable)
        for place, item in enumerate(batch)
    ]


def _encode(encoder: Encoder, batch: Sequence[Prepared]) -> tuple[Sequence[int], FloatMatrix]:
    """Places in `batch` of what the model takes, and its vectors."""
    try:
        return range(len(batch)), _encode_pixels(encoder, batch)
    except EncoderError:
        kept, rows = [], []
        for place, item in enumerate(batch):
            try:
                rows.append(_encode_pixels(encoder, [item]))
                kept.append(place)
            except EncoderError:
                continue
        if len(batch) > 1 and not kept:
            raise
        return kept, np.concatenate([np.empty((0, encoder.spec.dim), np.float32), *rows])


def _encode_pixels(encoder: Encoder, batch: Sequence[Prepared]) -> FloatMatrix:
    return checked(encoder, encoder.encode_images(_pixels(batch)), len(batch))


def _pixels(batch: Sequence[Prepared]) -> PixelBatch:
    return np.stack([item.pixels for item in batch if item.pixels is not None])
