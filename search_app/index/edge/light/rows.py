"""Whole points in memory, changed as the engine changes them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from search_app.datatypes import FloatVector, Known, WordsPoint
from search_app.index.edge.export import Rows
from search_app.index.edge.vectors import word_vectors
from search_app.index.edge.wire import WordVectors
from search_app.index.fields import WORDS_FIELDS, with_has_words
from search_app.index.payload import to_payload, words_to_payload


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """One whole point."""

    vector: FloatVector
    words: WordVectors | None
    payload: dict[str, Any]


def rows_of(rows: Mapping[int, Row], dim: int) -> Rows:
    """As they travel, in id order."""
    ids = sorted(rows)
    vectors = np.array([rows[number].vector for number in ids], np.float32).reshape(len(ids), dim)
    return Rows(ids, vectors, [rows[number].words for number in ids], [rows[number].payload for number in ids])


def with_picture(row: Row, known: Known) -> Row:
    """The point with what is known about its picture now; words stay."""
    words = {name: row.payload[name] for name in WORDS_FIELDS if name in row.payload}
    return Row(row.vector, row.words, to_payload(known.picture) | with_has_words(words))


def with_words(row: Row, point: WordsPoint, read_by: str) -> Row:
    """The point with these words, and with no others."""
    vectors = word_vectors(point)
    is_empty = not vectors[0] and not vectors[1][0]
    return Row(row.vector, None if is_empty else vectors, row.payload | words_to_payload(point.words, read_by))
