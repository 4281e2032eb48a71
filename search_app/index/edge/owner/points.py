"""Vectors between bytes, as they travel, and the forms that `qdrant_edge` takes; without numpy: see `engine`."""

from array import array
from collections.abc import Sequence
from typing import Any

import qdrant_edge as qe

from search_app.index.edge.wire import Rows, Sparse, WordVectors
from search_app.index.fields import FORM, IMAGE, MEANING


def floats(data: bytes, shape: list[int]) -> Any:
    """Float32 rows of a shape, as lists."""
    return memoryview(data).cast("f", shape).tolist()


def row(data: bytes) -> Any:
    """One float32 row, as a list."""
    return memoryview(data).cast("f").tolist()


def sparse(vector: Sparse) -> Any:
    """A sparse vector for the engine."""
    indices, values = vector
    return qe.SparseVector(memoryview(indices).cast("I").tolist(), row(values))


def query_vector(vector: bytes | Sparse) -> Any:
    """What is asked for, dense or sparse."""
    return sparse(vector) if isinstance(vector, tuple) else row(vector)


def named(words: WordVectors | None) -> dict[str, Any]:
    """The vectors of words by the names of their channels; an empty one would count in the engine's statistics."""
    meaning, form = words or (b"", (b"", b""))
    return ({MEANING: row(meaning)} if meaning else {}) | ({FORM: sparse(form)} if form[0] else {})


def dense(records: Sequence[Any], channel: str) -> tuple[list[int], bytes]:
    """The ids of records and their vectors in a dense channel."""
    return [record.id for record in records], b"".join(array("f", one.vector[channel]).tobytes() for one in records)


def _word_vectors(vectors: dict[str, Any]) -> WordVectors | None:
    meaning, form = vectors.get(MEANING, ()), vectors.get(FORM)
    indices, values = (form.indices, form.values) if form else ((), ())
    if not meaning and not indices:
        return None
    return array("f", meaning).tobytes(), (array("I", indices).tobytes(), array("f", values).tobytes())


def rows(records: Sequence[Any]) -> Rows:
    """Whole points, as they travel."""
    ids, vectors = dense(records, IMAGE)
    return ids, vectors, [_word_vectors(record.vector) for record in records], [record.payload for record in records]
