"""Vectors between numpy and the bytes that travel to the process that owns the shard."""

from typing import Any

import numpy as np

from search_app.datatypes import FloatMatrix, FloatVector, SparseVector, WordsPoint
from search_app.index.edge.wire import Sparse, WordVectors


def matrix(rows: Any, count: int) -> FloatMatrix:
    """Float32 rows, (count, dim)."""
    return np.frombuffer(rows, np.float32).reshape(count, -1) if count else np.empty((0, 0), np.float32)


def sent(vector: FloatVector | SparseVector) -> bytes | Sparse:
    """A vector that is asked for."""
    if isinstance(vector, SparseVector):
        return np.asarray(vector.indices, np.uint32).tobytes(), np.asarray(vector.values, np.float32).tobytes()
    return np.ascontiguousarray(vector, np.float32).tobytes()


def word_vectors(point: WordsPoint) -> WordVectors:
    """The vectors of a picture's words."""
    form = np.asarray(point.form.indices, np.uint32).tobytes(), np.asarray(point.form.values, np.float32).tobytes()
    return b"" if point.meaning is None else np.ascontiguousarray(point.meaning, np.float32).tobytes(), form
