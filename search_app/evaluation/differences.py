"""What a comparison of systems found: one difference for each pair and measure, and which direction is better."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from search_app.evaluation.report import Interval

LOWER_IS_BETTER = frozenset({"MeanRank"})
"""Measures that fall as a system gets better; every other one rises."""
HEADLINES = ("nDCG@10", "AP", "RR", "P@1")
"""What a reader is shown first, where it was measured, in this order."""


@dataclass(frozen=True, slots=True)
class Move:
    """One query that two systems answer unlike."""

    qid: str
    first: float
    second: float


@dataclass(frozen=True, slots=True)
class Difference:
    """One measure of two systems over the same queries; differences are first minus second."""

    measure: str
    first: str
    second: str
    first_mean: float
    second_mean: float
    difference: float
    low: float
    high: float
    """The ends of the bootstrap interval of the difference."""
    p: float
    """Of the two-sided randomisation test, for this difference alone."""
    p_holm: float
    """The same after Holm's correction over all pairs and measures of the comparison."""
    wins: int
    """Queries that the first system answers better."""
    ties: int
    losses: int
    first_gains: tuple[Move, ...]
    """Queries where the first system is most ahead, furthest first."""
    second_gains: tuple[Move, ...]

    def better(self, alpha: float) -> str | None:
        """The system that is better at this level of significance, if one is."""
        if self.p_holm > alpha:
            return None
        return self.first if (self.difference > 0) != lower_is_better(self.measure) else self.second


@dataclass(frozen=True, slots=True)
class Comparison:
    """Every pair of systems, every measure."""

    systems: tuple[str, ...]
    measures: tuple[str, ...]
    queries: int
    clusters: int | None
    """Groups of queries drawn and swapped together; None where each query stands alone."""
    interval: Interval
    resamples: int
    """Swaps of each randomisation test."""
    differences: tuple[Difference, ...]
    """Pair by pair, in each the measures in their order."""

    @property
    def alpha(self) -> float:
        """The level of significance that goes with the intervals."""
        return 1 - self.interval.level

    def between(self, first: str, second: str) -> list[Difference]:
        """All measures of one pair, in the order that the pair has in `systems`."""
        return [each for each in self.differences if (each.first, each.second) == (first, second)]

    def winner(self, measure: str) -> str | None:
        """The system that is significantly better than each other one by this measure."""
        better = [each.better(self.alpha) for each in self.differences if each.measure == measure]
        return next((name for name in self.systems if better.count(name) == len(self.systems) - 1), None)

    def to_json(self) -> list[dict[str, object]]:
        """One object for each pair and measure."""
        shared = {"queries": self.queries, "clusters": self.clusters, "tests": len(self.differences)}
        return [asdict(each) | shared for each in self.differences]


def lower_is_better(measure: str) -> bool:
    """Whether a smaller value of this measure is the better one."""
    return measure.partition("@")[0] in LOWER_IS_BETTER


def headline(measures: Sequence[str]) -> str:
    """The measure to show first."""
    return next((name for name in HEADLINES if name in measures), measures[0])
