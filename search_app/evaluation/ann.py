"""Does the index, as it is shipped, find what comparing with every vector finds?"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from search_app.datatypes import FloatMatrix, Neighbours, VectorQuery
from search_app.evaluation.report import Interval
from search_app.evaluation.statistics import bootstrap_interval

_TIE = 1e-6
"""Scores closer than this are the same: the two ways add in another order."""
_BATCH = 64


@dataclass(frozen=True, slots=True)
class AnnRecall:
    """Share of the exact nearest neighbours that the index finds too, with its bootstrap interval over queries."""

    measure: str
    value: float
    low: float
    high: float
    worst: float
    """Of any query."""
    queries: int
    pictures: int
    """In the collection: a small one is compared whole by any engine, and its recall says nothing of a large one."""

    def to_json(self) -> dict[str, object]:
        """One object."""
        return asdict(self)


def ann_recall(
    ask: Callable[[Sequence[VectorQuery]], Sequence[Neighbours]],
    vectors: FloatMatrix,
    pictures: int,
    depth: int = 10,
    interval: Interval | None = None,
) -> AnnRecall:
    """Ask each vector twice, as shipped and exactly.

    A picture counts as found where its score is not below the last exact one: of pictures that are alike any will do.
    """
    interval = interval or Interval()
    recalls: list[float] = []
    for start in range(0, len(vectors), _BATCH):
        batch = vectors[start : start + _BATCH]
        shipped = ask([VectorQuery(vector, depth) for vector in batch])
        exact = ask([VectorQuery(vector, depth, exact=True) for vector in batch])
        recalls += [_recall(found, wanted) for found, wanted in zip(shipped, exact, strict=True)]
    values = np.array(recalls)
    low, high = bootstrap_interval(
        values[:, None], level=interval.level, resamples=interval.resamples, seed=interval.seed
    )
    return AnnRecall(
        f"R@{depth}", float(values.mean()), float(low[0]), float(high[0]), float(values.min()), len(values), pictures
    )


def _recall(found: Neighbours, wanted: Neighbours) -> float:
    if not len(wanted.scores):
        return 1.0
    return int(np.count_nonzero(found.scores >= wanted.scores[-1] - _TIE)) / len(wanted.scores)
