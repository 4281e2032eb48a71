"""Whether a copy is equal: counts, a checksum over every point of both sides, and the same answers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np

from search_app.datatypes import FloatVector, Neighbours, VectorQuery, WholePoint
from search_app.errors import MovingError
from search_app.index.base import IndexWriter
from search_app.moving.batches import batches_ahead
from search_app.moving.canonical import ROUNDING, Checksum, Tolerance, canonical, difference
from search_app.moving.copying import BATCH, Copied, Progress

TOP = 10


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found equal."""

    count: int
    checksum: str
    """Of the source; the target has the same where `rounded` is 0."""
    target_checksum: str
    rounded: int
    """Points of which some numbers differ in the last bits, as the target stores them: see `canonical`."""
    searches: int
    """Stored vectors that were searched for with the same answers."""


def verify(
    points: Iterator[WholePoint],
    writer: IndexWriter,
    copied: Copied,
    progress: Progress,
    allowed: Tolerance = ROUNDING,
) -> Verified:
    """Compare all points of a source, as many as were `copied`, with all that `writer` holds.

    Raises `MovingError` at what differs by more than is `allowed`.
    """
    sample, count = copied.sample, copied.seen
    sums, truth, rounded, seen = (Checksum(), Checksum()), Truth(sample), 0, 0
    for pairs in batches_ahead(zip_longest(points, writer.points()), BATCH):
        for first, second in pairs:
            rounded += _compare(first, second, sums, allowed)
        truth.see([first for first, _ in pairs if first is not None])
        seen += len(pairs)
        progress(seen, count)
    found = writer.search([VectorQuery(vector, TOP, exact=True) for vector in sample])
    for place, answer in enumerate(found):
        truth.compare(place, answer, allowed.scores)
    return Verified(seen, sums[0].digits(), sums[1].digits(), rounded, len(found))


def _compare(
    first: WholePoint | None, second: WholePoint | None, sums: tuple[Checksum, Checksum], allowed: Tolerance
) -> bool:
    """Whether they are equal only but for rounding; raises `MovingError` where they are not equal."""
    if first is None or second is None or first.id != second.id:
        ids = [one.id for one in (first, second) if one is not None]
        raise MovingError(f"point {min(ids)} is on one side only: {_AGAIN}")
    forms = canonical(first), canonical(second)
    for checksum, form in zip(sums, forms, strict=True):
        checksum.add(form)
    if forms[0] == forms[1]:
        return False
    if what := difference(first, second, allowed):
        raise MovingError(f"point {first.id} ({first.picture.path!r}) differs in {what}: {_AGAIN}")
    return True


_AGAIN = "nothing was shown to readers. Run the same command again; if it says so twice, look at the disks of both"


class Truth:
    """The nearest of some vectors by comparing them with all that streams by."""

    def __init__(self, queries: Sequence[FloatVector]) -> None:
        self._queries = np.stack(queries) if queries else np.empty((0, 0), np.float32)
        self._ids = np.empty((len(queries), 0), np.int64)
        self._scores = np.empty((len(queries), 0), np.float32)

    def see(self, points: Sequence[WholePoint]) -> None:
        """Look at some points more."""
        if not points or not len(self._queries):
            return
        rows = np.stack([point.vector for point in points])
        new = np.broadcast_to(np.array([point.id for point in points], np.int64), (len(self._queries), len(points)))
        ids = np.concatenate([self._ids, new], axis=1)
        scores = np.concatenate([self._scores, self._queries @ rows.T], axis=1)
        best = np.argsort(-scores, axis=1, kind="stable")[:, :TOP]
        self._ids, self._scores = np.take_along_axis(ids, best, axis=1), np.take_along_axis(scores, best, axis=1)

    def compare(self, place: int, answer: Neighbours, within: float) -> None:
        """Raise `MovingError` where an engine answers query `place` in another way; ties may change their places."""
        ids, scores = self._ids[place], self._scores[place]
        same = len(answer.ids) == len(ids) and np.allclose(answer.scores, scores, rtol=0, atol=within)
        strangers = ~np.isin(answer.ids, ids)
        if not same or (len(ids) and (answer.scores[strangers] > scores[-1] + within).any()):
            raise MovingError(
                f"the vector of point {ids[0] if len(ids) else '?'} has other neighbours in the copy "
                f"({answer.ids.tolist()} instead of {ids.tolist()}): {_AGAIN}"
            )
