"""What a validation found, as figures with intervals and tests, for the terminal, the card and the report."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import mean, stdev
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from search_app.evaluation.statistics import bootstrap_interval, group_totals, holm, randomisation_test

if TYPE_CHECKING:
    from search_app.training.adapter.validate import Answers, Repeat

LEVEL = 0.95
HEADLINE = "AP, pictures left out"
GUARDED: Mapping[str, int] = {"R@5": 5, "R@10": 10}


@dataclass(frozen=True, slots=True)
class Gain:
    """One measure of the base and of the adapted model over the same queries, means over the repeats."""

    base: float
    adapted: float
    difference: float
    low: float
    high: float
    """The ends of the bootstrap interval of the difference."""
    p: float
    """Of the two-sided randomisation test."""
    p_holm: float
    """The same after Holm's correction over all measures shown."""
    queries: int
    groups: int
    """Queries of one group are drawn and swapped together."""

    @property
    def is_significant(self) -> bool:
        """The adapted model is better, and that is no chance."""
        return self.difference > 0 and self.p_holm <= 1 - LEVEL


@dataclass(frozen=True, slots=True)
class AdapterFigures:
    """Everything that was measured about one adapter."""

    gains: Mapping[str, Gain]
    kept: tuple[float, float, float]
    """Share of the base's first ten answers to unseen neutral phrases that stayed, and its bootstrap interval."""
    phrases: int
    by_repeat: tuple[float, ...]
    """The headline's gain in each repeat, which had folds of its own."""

    @property
    def headline(self) -> str:
        """The main figure in a sentence."""
        gain = self.gains[HEADLINE]
        return (
            f"{HEADLINE}: {gain.base:.3f} -> {gain.adapted:.3f} ({gain.difference:+.3f}, {LEVEL:.0%} interval "
            f"{gain.low:+.3f} to {gain.high:+.3f}, p {gain.p_holm:.4f})"
        )

    def to_json(self) -> dict[str, object]:
        """Plain JSON values; the key `headline` is what lists show."""
        value, low, high = self.kept
        return {
            "headline": self.headline,
            "gains": {name: asdict(gain) for name, gain in self.gains.items()},
            "neutral phrases": {"kept": value, "low": low, "high": high, "phrases": self.phrases},
            "gain by repeat": list(self.by_repeat),
        }

    def table(self) -> list[str]:
        """The figures as Markdown, which a terminal shows well enough."""
        width = max(map(len, self.gains))
        lines = [
            f"| {'':<{width}} | base  | adapted | gain   | {LEVEL:.0%} interval     | p (Holm) | queries (groups) |",
            f"|{'-' * (width + 2)}|-------|---------|--------|------------------|----------|------------------|",
        ]
        lines += [
            f"| {name:<{width}} | {gain.base:.3f} | {gain.adapted:.3f}   | {gain.difference:+.3f} "
            f"| {gain.low:+.3f} to {gain.high:+.3f} | {gain.p_holm:<8.4f} | {f'{gain.queries} ({gain.groups})':<16} |"
            for name, gain in self.gains.items()
        ]
        value, low, high = self.kept
        apart = stdev(self.by_repeat) if len(self.by_repeat) > 1 else 0.0
        kept = f"{value:.1%} stayed ({LEVEL:.0%} interval {low:.1%} to {high:.1%})"
        repeats = f"over {len(self.by_repeat)} repeats with other folds"
        return [
            *lines,
            "",
            f"Of the first ten answers to {self.phrases} phrases that were never labelled, {kept}.",
            f"The first line's gain {repeats}: {mean(self.by_repeat):+.3f}, standard deviation {apart:.3f}.",
        ]

    def notes(self) -> list[str]:
        """What should make a reader careful."""
        first = self.gains[HEADLINE]
        doubtful = first.difference > 0 and not first.is_significant
        notes = [f"note: the gain may be chance (p {first.p_holm:.2f}): judge more"] if doubtful else []
        worse = [name for name, gain in self.gains.items() if gain.difference < 0 and gain.p_holm <= 1 - LEVEL]
        return [*notes, *(f"note: significantly worse than the base: {name}" for name in worse)]


def adapter_figures(
    found: "Sequence[Repeat]", groups: Sequence[str], guarded: Sequence[str], seed: int
) -> AdapterFigures:
    """Means over the repeats, with what is known about their certainty.

    Args:
        found: what each repeat measured.
        groups: one name for each labelled query.
        guarded: one name for each watched query; empty where none is watched.
        seed: of intervals and tests.

    """
    bases = [_measures(repeat.base) for repeat in found]
    adapted = [_measures(repeat.adapted) for repeat in found]
    gains = {
        name: _gain(
            np.mean([each[name] for each in bases], axis=0),
            np.mean([each[name] for each in adapted], axis=0),
            guarded if name.startswith("watched") else groups,
            seed,
        )
        for name in bases[0]
    }
    corrected = holm([gain.p for gain in gains.values()])
    kept = np.mean([repeat.kept for repeat in found], axis=0)
    low, high = bootstrap_interval(kept[:, None], level=LEVEL, seed=seed)
    return AdapterFigures(
        gains={name: replace(gain, p_holm=p) for (name, gain), p in zip(gains.items(), corrected, strict=True)},
        kept=(float(kept.mean()), float(low[0]), float(high[0])),
        phrases=len(kept),
        by_repeat=tuple(
            float(np.mean(after[HEADLINE] - before[HEADLINE])) for before, after in zip(bases, adapted, strict=True)
        ),
    )


def _measures(answers: "Answers") -> dict[str, NDArray[np.float64]]:
    """A value for each query by each measure."""
    measures = {
        HEADLINE: answers.held_out,
        "AP, pictures and wording left out": answers.other_wording,
        "AP, topic left out": answers.other_topic,
    }
    if len(answers.guarded):
        measures |= {f"watched, {name}": (answers.guarded <= cut).astype(float) for name, cut in GUARDED.items()}
        measures["watched, RR"] = 1 / answers.guarded
    return measures


def _gain(base: NDArray[np.float64], adapted: NDArray[np.float64], groups: Sequence[str], seed: int) -> Gain:
    low, high = bootstrap_interval((adapted - base)[:, None], level=LEVEL, seed=seed, groups=groups)
    swapped, sizes = group_totals(np.stack([adapted, base], axis=1), groups)
    p = randomisation_test(swapped[:, 0], swapped[:, 1], seed=seed)
    return Gain(
        base=float(base.mean()),
        adapted=float(adapted.mean()),
        difference=float((adapted - base).mean()),
        low=float(low[0]),
        high=float(high[0]),
        p=p,
        p_holm=p,
        queries=len(base),
        groups=len(sizes),
    )
