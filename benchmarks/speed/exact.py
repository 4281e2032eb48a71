"""Exact search: the truth that a graph is held to."""

import numpy as np
from numpy.typing import NDArray

from search_app.datatypes import FloatMatrix

_AT_ONCE = 2_048
"""Queries."""


def neighbours(queries: FloatMatrix, rows: FloatMatrix, most: int) -> tuple[NDArray[np.int64], FloatMatrix]:
    """The nearest rows of each query and their scores, best first, by exact search."""
    found, scores = [], []
    for start in range(0, len(queries), _AT_ONCE):
        alike = queries[start : start + _AT_ONCE] @ rows.T
        best = np.argpartition(alike, -most, axis=1)[:, -most:]
        value = np.take_along_axis(alike, best, axis=1)
        order = np.argsort(-value, axis=1)
        found.append(np.take_along_axis(best, order, axis=1))
        scores.append(np.take_along_axis(value, order, axis=1))
    return np.concatenate(found), np.concatenate(scores)
