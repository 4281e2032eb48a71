"""Copying by comparing: what is there already stays, so a copy that was ended goes on where it was.

No note is kept of how far a copy came. Both sides are read in id order and compared point by point; an empty target is
the usual case, and one that an interrupted copy left the other.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from search_app.datatypes import FloatVector, WholePoint
from search_app.errors import MovingError
from search_app.index.base import IndexWriter
from search_app.moving.batches import batches_ahead
from search_app.moving.canonical import ROUNDING, Tolerance, difference

Progress = Callable[[int, int], None]
"""Called with how many points were seen to and how many there are."""
BATCH = 500
SAMPLES = 16


@dataclass(slots=True)
class Copied:
    """What a copy had to do, in points."""

    kept: int = 0
    """There already, and equal."""
    written: int = 0
    removed: int = 0
    """In the target, and not in the source any more."""
    sample: list[FloatVector] = field(default_factory=list)
    """Some vectors of the source, evenly spread, to search for."""

    @property
    def seen(self) -> int:
        """Points of the source so far."""
        return self.kept + self.written


def copy_points(
    points: Iterator[WholePoint],
    count: int,
    writer: IndexWriter,
    progress: Progress,
    allowed: Tolerance = ROUNDING,
) -> Copied:
    """Make what `writer` holds the `count` points of a source, both in id order."""
    copied, there = Copied(), _There(writer)
    every = max(1, count // SAMPLES)
    for batch in batches_ahead(points, BATCH):
        missing, surplus = [], []
        for place, point in enumerate(batch, copied.seen):
            if place % every == 0 and len(copied.sample) < SAMPLES:
                copied.sample.append(point.vector)
            surplus += there.below(point.id)
            if (found := there.at(point.id)) is None or difference(point, found, allowed):
                missing.append(point)
        writer.delete(surplus)
        try:
            writer.write(missing)
        except ValueError as error:
            raise MovingError(f"the source holds what no index takes: {error}") from None
        copied.removed += len(surplus)
        copied.written += len(missing)
        copied.kept += len(batch) - len(missing)
        progress(copied.seen, count)
    rest = list(there.below(None))
    writer.delete(rest)
    copied.removed += len(rest)
    return copied


class _There:
    """What the target holds, taken in id order beside the source."""

    def __init__(self, writer: IndexWriter) -> None:
        self._points = writer.points()
        self._next = next(self._points, None)

    def below(self, number: int | None) -> list[int]:
        """Pass over the points below an id (None: all that are left) and name them."""
        passed = []
        while self._next is not None and (number is None or self._next.id < number):
            passed.append(self._next.id)
            self._next = next(self._points, None)
        return passed

    def at(self, number: int) -> WholePoint | None:
        """The point of this id, once; None where there is none."""
        if self._next is None or self._next.id != number:
            return None
        found, self._next = self._next, next(self._points, None)
        return found
