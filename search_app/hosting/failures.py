"""What could not be opened, and when that is tried again: not at every request, and less and less often."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from search_app.errors import IndexUnavailable

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 30.0


@dataclass(frozen=True, slots=True)
class _Failure:
    collection: str
    error: Exception
    pause: float
    again_at: float


class Failures:
    """By the name that was to lead to something; kept by the house, under its lock."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._of: dict[str, _Failure] = {}

    def add(self, name: str, collection: str, error: Exception) -> None:
        """Note that a name cannot lead to a collection; each time again it is left alone for twice as long."""
        before = self._of.get(name)
        pause = FIRST_PAUSE_S if before is None or before.collection != collection else 2 * before.pause
        pause = min(pause, LONGEST_PAUSE_S)
        self._of[name] = _Failure(collection, error, pause, self._clock() + pause)

    def forget(self, name: str, *, unless: str | None = None) -> None:
        """It leads where it should, or elsewhere by now than to the collection `unless`."""
        failure = self._of.get(name)
        if failure is not None and failure.collection != unless:
            del self._of[name]

    def is_recent(self, name: str) -> bool:
        """Whether it is too early to try again."""
        failure = self._of.get(name)
        return failure is not None and self._clock() < failure.again_at

    def refuse_recent(self, name: str) -> None:
        """Raise `IndexUnavailable` with what went wrong where it is too early to try again."""
        if self.is_recent(name):
            raise IndexUnavailable(str(self._of[name].error))

    def note(self, name: str) -> str:
        """What went wrong, in a sentence; empty where nothing did."""
        failure = self._of.get(name)
        return f"collection {failure.collection!r} cannot be opened: {failure.error}" if failure else ""
