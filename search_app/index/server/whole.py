"""Whole points between what other rooms hold and the forms that `qdrant_client` takes and gives."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from qdrant_client import models

from search_app.datatypes import FloatVector, PrintedWords, SparseVector, WholePoint, WordsPoint
from search_app.index.fields import FORM, IMAGE, MEANING
from search_app.index.payload import read_words, to_known, to_payload, words_to_payload
from search_app.index.server import requests


def payload_of(point: WholePoint, read_by: str) -> dict[str, Any]:
    """Everything but the vectors; the words were read by `read_by`."""
    words = words_to_payload(point.words.words, read_by) if point.words is not None else {}
    return to_payload(point.picture) | words


def to_struct(point: WholePoint, vector: FloatVector, payload: dict[str, Any]) -> models.PointStruct:
    """A point with all its vectors and a payload that was made of it."""
    words = requests.word_vectors(point.words) if point.words is not None else None
    vectors: dict[str, Any] = {IMAGE: vector.tolist(), **(words.vector if words else {})}  # type: ignore[dict-item]
    return models.PointStruct(id=int(point.id), vector=vectors, payload=payload)


def from_records(records: Sequence[Any]) -> Iterator[WholePoint]:
    """The points, in the order of the records; raises `IndexDamaged` for a payload that is not one of ours."""
    for record in records:
        number, payload, vectors = int(record.id), record.payload or {}, record.vector or {}
        words = read_words({number: payload}).get(number)
        known = to_known(number, payload)
        vector = np.array(vectors.get(IMAGE, ()), np.float32)
        yield WholePoint(number, vector, known.picture, _words(number, words, vectors) if words is not None else None)


def _words(number: int, words: PrintedWords, vectors: Mapping[str, Any]) -> WordsPoint:
    meaning, form = vectors.get(MEANING), vectors.get(FORM)
    indices, values = (form.indices, form.values) if form is not None else ((), ())
    sparse = SparseVector(np.array(indices, np.uint32), np.array(values, np.float32))
    return WordsPoint(number, words, None if meaning is None else np.array(meaning, np.float32), sparse)
