"""Systems compared on the same queries: paired differences, how sure they are, and which queries moved."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from search_app.errors import EvaluationError
from search_app.evaluation.differences import Comparison, Difference, Move, headline, lower_is_better
from search_app.evaluation.report import EvaluationReport, Interval
from search_app.evaluation.statistics import bootstrap_interval, group_totals, holm, randomisation_test
from search_app.evaluation.trec import Qrels, Topics

__all__ = [
    "Comparison",
    "Difference",
    "Move",
    "compare",
    "format_comparison",
    "headline",
    "lower_is_better",
    "same_relevant",
]

MOVED = 5
"""Queries named in each direction."""
_SAME = 1e-9
"""Values closer than this are a tie: they differ by rounding."""


def same_relevant(qrels: Qrels) -> dict[str, str]:
    """Group queries with the very same relevant pictures, such as variations of a name or statements of one picture.

    Gives a group's name for each query: that of its first query. One for which nothing is relevant stands alone.
    """
    first: dict[frozenset[str], str] = {}
    groups: dict[str, str] = {}
    for qid, grades in qrels.grades.items():
        relevant = frozenset(path for path, grade in grades.items() if grade > 0)
        groups[qid] = first.setdefault(relevant, qid) if relevant else qid
    return groups


def compare(
    reports: Mapping[str, EvaluationReport], seed: int = 0, clusters: Mapping[str, str] | None = None
) -> Comparison:
    """Compare every pair of systems by every measure.

    Args:
        reports: system to what it reached; the same queries and measures in each.
        seed: of the intervals and of the tests.
        clusters: query to the group it belongs to, such as a statement to its picture: groups are drawn and swapped
            as one, so that several queries about one thing do not count as so much independent evidence. A query
            without a group stands alone.

    The test is the paired randomisation test; its p-values are corrected together, one family of all pairs and
    measures, by Holm's method (1979). Raises `EvaluationError` for fewer than two systems and for systems that
    were measured on other queries or by other measures.
    """
    names = tuple(reports)
    if len(names) < 2:
        raise EvaluationError("a comparison needs two systems or more")
    qids, measures = _shared(reports)
    tests = len(measures) * len(names) * (len(names) - 1) // 2
    method = _Method(
        interval=Interval(level=reports[names[0]].interval.level, seed=seed),
        # The smallest p-value that a sampled test can give must stay small after correction.
        resamples=max(10_000, 200 * tests),
        groups=None if clusters is None else [clusters.get(qid, qid) for qid in qids],
    )
    found = [
        _difference((reports[first], reports[second]), (first, second), measure, method)
        for first, second in combinations(names, 2)
        for measure in measures
    ]
    corrected = holm([each.p for each in found])
    return Comparison(
        systems=names,
        measures=measures,
        queries=len(qids),
        clusters=None if method.groups is None else len(set(method.groups)),
        interval=method.interval,
        resamples=method.resamples,
        differences=tuple(replace(each, p_holm=p) for each, p in zip(found, corrected, strict=True)),
    )


@dataclass(frozen=True, slots=True)
class _Method:
    interval: Interval
    resamples: int
    groups: Sequence[str] | None


def _difference(
    reports: tuple[EvaluationReport, EvaluationReport], names: tuple[str, str], measure: str, method: _Method
) -> Difference:
    moves = [Move(qid, values[measure], reports[1].queries[qid][measure]) for qid, values in reports[0].queries.items()]
    values = np.array([(move.first, move.second) for move in moves])
    differences = values[:, 0] - values[:, 1]
    interval = method.interval
    low, high = bootstrap_interval(
        differences[:, None],
        level=interval.level,
        resamples=interval.resamples,
        seed=interval.seed,
        groups=method.groups,
    )
    swapped, _ = group_totals(values, method.groups)
    p = randomisation_test(swapped[:, 0], swapped[:, 1], resamples=method.resamples, seed=interval.seed)
    gains = -differences if lower_is_better(measure) else differences
    return Difference(
        measure=measure,
        first=names[0],
        second=names[1],
        first_mean=float(values[:, 0].mean()),
        second_mean=float(values[:, 1].mean()),
        difference=float(differences.mean()),
        low=float(low[0]),
        high=float(high[0]),
        p=p,
        p_holm=p,
        wins=int(np.count_nonzero(gains > _SAME)),
        ties=int(np.count_nonzero(np.abs(gains) <= _SAME)),
        losses=int(np.count_nonzero(gains < -_SAME)),
        first_gains=_furthest(moves, gains),
        second_gains=_furthest(moves, -gains),
    )


def _furthest(moves: Sequence[Move], gains: NDArray[np.float64]) -> tuple[Move, ...]:
    order = np.argsort(-gains, kind="stable")[:MOVED]
    return tuple(moves[place] for place in order if gains[place] > _SAME)


def _shared(reports: Mapping[str, EvaluationReport]) -> tuple[list[str], tuple[str, ...]]:
    """The queries and measures of all reports, or `EvaluationError` with what is not in all of them."""
    (first, model), *others = reports.items()
    for name, report in others:
        for what, ours, theirs in (
            ("queries", model.queries.keys(), report.queries.keys()),
            ("measures", model.measures.keys(), report.measures.keys()),
        ):
            if ours != theirs:
                missing = ours - theirs
                holder, lacker = (first, name) if missing else (name, first)
                example = min(missing or theirs - ours)
                raise EvaluationError(
                    f"{first} and {name} were not measured on the same {what}: {holder} has {example}, {lacker} has "
                    f"not; evaluate both again with the same files"
                )
    if not model.queries:
        raise EvaluationError("a comparison needs at least one query")
    return list(model.queries), tuple(model.measures)


def format_comparison(comparison: Comparison, topics: Topics | None = None) -> str:
    """Plain text, 120 columns at most: a table for each pair, then the queries that moved most."""
    clusters = "" if comparison.clusters is None else f" in {comparison.clusters} groups"
    level = f"{comparison.interval.level:.0%}"
    blocks = []
    for first, second in combinations(comparison.systems, 2):
        rows = comparison.between(first, second)
        width = max(len("measure"), *(len(row.measure) for row in rows))
        lines = [f"{_clipped(first, 50)} - {_clipped(second, 50)}", ""]
        heads = [_clipped(first, 12), _clipped(second, 12)]
        names = "  ".join(f"{name:>12}" for name in (heads if heads[0] != heads[1] else ("first", "second")))
        lines += [f"{'measure':<{width}}  {names}  difference  {f'{level} interval':<18}  p (Holm)  won/tied/lost"]
        lines += [_row(row, width, comparison.alpha) for row in rows]
        shown = next(row for row in rows if row.measure == headline(comparison.measures))
        blocks.append("\n".join([*lines, *_moved(shown, topics or {})]))
    tests = len(comparison.differences)
    blocks.append(
        f"{comparison.queries} queries{clusters}. * significant at {comparison.alpha:.0%}: randomisation test "
        f"({comparison.resamples} swaps),\nHolm's correction over {tests} tests (every pair and measure above)."
    )
    return "\n\n".join(blocks)


def _row(row: Difference, width: int, alpha: float) -> str:
    mark = "*" if row.better(alpha) else " "
    arrow = " (lower is better)" if lower_is_better(row.measure) else ""
    return (
        f"{row.measure:<{width}}  {row.first_mean:>12.4f}  {row.second_mean:>12.4f}  {row.difference:>+10.4f}  "
        f"{row.low:>+8.4f} {row.high:>+8.4f}   {row.p_holm:>8.4f}{mark} {row.wins}/{row.ties}/{row.losses}{arrow}"
    )


def _moved(row: Difference, topics: Topics) -> list[str]:
    lines = []
    for name, moves in ((row.first, row.first_gains), (row.second, row.second_gains)):
        if moves:
            lines += ["", f"{_clipped(name, 50)} is furthest ahead by {row.measure} on"]
            lines += [
                f"  {move.first:.3f} {move.second:.3f}  {_clipped(f'{move.qid}  {topics.get(move.qid, str())}', 100)}"
                for move in moves
            ]
    return lines


def _clipped(text: str, width: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= width else f"{text[: width - 3]}..."
