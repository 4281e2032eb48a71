"""Ways of doing one thing, timed in turn (A B A B): what changes on the machine meanwhile meets them all."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

Way = Callable[[], int]
"""Does some work and gives how many units of it were done: pictures, queries, vectors."""
_DRAWS = 2_000


@dataclass(frozen=True, slots=True)
class Timed:
    """Seconds a unit of work took, one figure a round or a call."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle one, in seconds."""
        return statistics.median(self.seconds)

    def percentile(self, share: float) -> float:
        """The nearest figure that `share` (0 to 100) of them do not exceed, in seconds."""
        return float(np.percentile(self.seconds, share, method="higher"))

    def milliseconds(self) -> dict[str, float]:
        """Median and spread, ready to be written down."""
        figures = {"p50": self.median, "low": min(self.seconds), "high": max(self.seconds)}
        if len(self.seconds) >= 100:
            figures |= {"p99": self.percentile(99)}
        return {name: round(1000 * value, 3) for name, value in figures.items()} | {"n": len(self.seconds)}


@dataclass(frozen=True, slots=True)
class Ratio:
    """How many times faster one way is than another: the median over rounds and its 95 % interval (bootstrap)."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        """As it stands in tables."""
        return f"{self.median:.2f} ({self.low:.2f} to {self.high:.2f})"


def in_turn(ways: Mapping[str, Way], *, rounds: int, warm: int = 1) -> dict[str, Timed]:
    """Run every way once a round, every other round in the opposite order; seconds a unit of each round.

    `warm` rounds before are not counted: files come from the page cache, models are loaded, threads exist.
    """
    took: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(-warm, rounds):
        names = [*ways][:: 1 if number % 2 == 0 else -1]
        for name in names:
            started = time.perf_counter()
            units = ways[name]()
            if number >= 0:
                took[name].append((time.perf_counter() - started) / units)
    return {name: Timed(tuple(seconds)) for name, seconds in took.items()}


def each_call(calls: Mapping[str, Sequence[Callable[[], object]]]) -> dict[str, Timed]:
    """Time single calls, the ways taking turns call by call; all ways have the same number of calls."""
    took: dict[str, list[float]] = {name: [] for name in calls}
    for together in zip(*calls.values(), strict=True):
        for name, call in zip(calls, together, strict=True):
            started = time.perf_counter()
            call()
            took[name].append(time.perf_counter() - started)
    return {name: Timed(tuple(seconds)) for name, seconds in took.items()}


def times_faster(ours: Timed, theirs: Timed) -> Ratio:
    """How many times faster `ours` is: each round (or call) of one over the same round of the other."""
    ratios = np.array(theirs.seconds) / np.array(ours.seconds)
    drawn = np.random.default_rng(0).choice(ratios, (_DRAWS, len(ratios)))
    low, high = np.percentile(np.median(drawn, axis=1), [2.5, 97.5])
    return Ratio(float(np.median(ratios)), float(low), float(high))
