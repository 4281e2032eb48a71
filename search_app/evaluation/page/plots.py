"""The geometry of the page's plots, in units of an SVG that is `WIDTH` wide; the template draws them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search_app.evaluation.comparison import Difference, lower_is_better
from search_app.evaluation.page.tables import figure
from search_app.evaluation.report import EvaluationReport
from search_app.evaluation.trec import Qrels, Ranking

WIDTH = 360
_RIGHT = 14
_LINE = 12
_STEPS = 300
"""Bars of a plot of differences at most; more queries than that are drawn as evenly spaced ones of them."""
DEEPEST = 20


@dataclass(frozen=True, slots=True)
class Tick:
    """A line of the grid and its label."""

    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Point:
    """A mean with its interval; `system` is a place in the plot's systems."""

    system: str
    x: float
    y: float
    low: float
    high: float
    label: str


@dataclass(frozen=True, slots=True)
class Row:
    """One measure of an interval plot."""

    y: float
    label: str
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class IntervalPlot:
    """Means with intervals: a row for each measure, a point for each system."""

    title: str
    height: float
    bottom: float
    """Of the grid; the labels of the ticks are below it."""
    ticks: tuple[Tick, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Curve:
    """One system's line."""

    system: str
    points: str
    """As `points` of an SVG polyline."""
    start: tuple[float, float]
    end: tuple[float, float]
    label: str


@dataclass(frozen=True, slots=True)
class CurvePlot:
    """A measure at each rank."""

    title: str
    height: float
    left: float
    bottom: float
    xticks: tuple[Tick, ...]
    yticks: tuple[Tick, ...]
    curves: tuple[Curve, ...]


@dataclass(frozen=True, slots=True)
class DifferencePlot:
    """The difference of every query, from the first system's largest lead to the second's."""

    first: str
    second: str
    title: str
    summary: str
    height: float
    left: float
    zero: float
    yticks: tuple[Tick, ...]
    above: str
    below: str
    """`d` of the SVG paths of what lies above and below zero."""


def interval_plots(reports: Mapping[str, EvaluationReport]) -> list[IntervalPlot]:
    """One plot for all measures between 0 and 1, and one for each other measure, which has its own scale."""
    estimates = [report.measures for report in reports.values()]
    measures = list(dict.fromkeys(name for each in estimates for name in each))
    unit = [name for name in measures if all(each[name].high <= 1 for each in estimates if name in each)]
    others = [[name] for name in measures if name not in unit]
    return [_interval_plot(reports, names) for names in ([unit] if unit else []) + others]


def curve_plot(answers: Mapping[str, Mapping[str, Ranking]], qrels: Qrels, measured: Sequence[str]) -> CurvePlot | None:
    """Precision at each rank, or where most queries have one relevant picture the share of queries that found it.

    None where there are not enough answers to draw a line.
    """
    qids = [qid for qid in measured if any(qrels.grades.get(qid, {}).values())]
    deep = [max((len(found[qid].paths) for qid in qids if qid in found), default=0) for found in answers.values()]
    depth = min([*deep, DEEPEST])
    if not qids or not answers or depth < 3:
        return None
    single = np.median([sum(grade > 0 for grade in qrels.grades[qid].values()) for qid in qids]) == 1
    lines = {name: _at_ranks(found, qrels, qids, depth, single=bool(single)) for name, found in answers.items()}
    ticks = nice_ticks(0, max(float(line.max()) for line in lines.values()))
    left, top, bottom = 34.0, 12.0, 180.0

    def place(rank: int, value: float) -> tuple[float, float]:
        x = left + (rank - 1) / (depth - 1) * (WIDTH - _RIGHT - left)
        return round(x, 1), round(bottom - value / ticks[-1] * (bottom - top), 1)

    curves = []
    for name, line in lines.items():
        points = [place(rank, value) for rank, value in enumerate(line.tolist(), start=1)]
        label = f"{name}: {figure(float(line[0]))} at rank 1, {figure(float(line[-1]))} at rank {depth}"
        curves.append(Curve(name, " ".join(f"{x},{y}" for x, y in points), points[0], points[-1], label))
    ranks = [rank for rank in (1, 5, 10, 15, 20) if rank <= depth]
    return CurvePlot(
        title="Queries that found a relevant picture by rank" if single else "Precision at rank",
        height=bottom + 34,
        left=left,
        bottom=bottom,
        xticks=tuple(Tick(place(rank, 0)[0], str(rank)) for rank in ranks),
        yticks=tuple(Tick(place(1, value)[1], f"{value:g}") for value in ticks),
        curves=tuple(curves),
    )


def difference_plot(row: Difference, reports: Mapping[str, EvaluationReport]) -> DifferencePlot:
    """Every query's difference by one measure, sorted."""
    first, second = reports[row.first].queries, reports[row.second].queries
    values = np.sort([first[qid][row.measure] - second[qid][row.measure] for qid in first])[::-1]
    shown = values[np.linspace(0, len(values) - 1, min(len(values), _STEPS)).round().astype(int)]
    ticks = _around_zero(float(values.min()), float(values.max()))
    left, top, bottom = 40.0, 12.0, 168.0
    heights = bottom - (shown - ticks[0]) / (ticks[-1] - ticks[0]) * (bottom - top)
    zero = bottom + ticks[0] / (ticks[-1] - ticks[0]) * (bottom - top)
    width = (WIDTH - _RIGHT - left) / len(shown)
    yticks = [
        Tick(round(bottom - (value - ticks[0]) / (ticks[-1] - ticks[0]) * (bottom - top), 1), _signed(value))
        for value in ticks
    ]
    return DifferencePlot(
        first=row.first,
        second=row.second,
        title=f"{row.measure} of each query: {row.first} minus {row.second}",
        summary=f"{row.first} better on {row.wins}, equal on {row.ties}, {row.second} better on {row.losses}",
        height=bottom + 12,
        left=left,
        zero=round(zero, 1),
        yticks=tuple(yticks),
        above=_bars(left, width, np.minimum(heights, zero), zero),
        below=_bars(left, width, np.maximum(heights, zero), zero),
    )


def nice_ticks(low: float, high: float) -> list[float]:
    """Three to seven round numbers, the first at or below `low`, the last at or above `high`."""
    span = high - low if high > low else 1.0
    power = 10.0 ** math.floor(math.log10(span / 4))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10, 20) if span / (power * factor) <= 5)
    start, stop = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(number * step, 10) for number in range(start, max(stop, start + 1) + 1)]


def _signed(value: float) -> str:
    return "0" if value == 0 else f"{value:+g}".replace("-", "\N{MINUS SIGN}")


def _around_zero(low: float, high: float) -> list[float]:
    """Ticks that hold both ends and zero."""
    return nice_ticks(min(low, 0.0), max(high, 0.0))


def _interval_plot(reports: Mapping[str, EvaluationReport], measures: Sequence[str]) -> IntervalPlot:
    systems = list(reports)
    highest = max(reports[name].measures[measure].high for name in systems for measure in measures)
    ticks = nice_ticks(0, highest)
    left = 84.0

    def across(value: float) -> float:
        return round(left + value / ticks[-1] * (WIDTH - _RIGHT - left), 1)

    step = _LINE * len(systems) + 14
    rows = []
    for place, measure in enumerate(measures):
        middle = 6 + step * (place + 0.5)
        points = []
        for number, name in enumerate(systems):
            mean = reports[name].measures[measure]
            label = f"{name}: {figure(mean.value)}, interval {figure(mean.low)} to {figure(mean.high)}"
            y = middle + (number - (len(systems) - 1) / 2) * _LINE
            points.append(Point(name, across(mean.value), y, across(mean.low), across(mean.high), label))
        rows.append(Row(middle, measure, tuple(points)))
    bottom = 6 + step * len(measures)
    lower = ", lower is better" if any(map(lower_is_better, measures)) else ""
    return IntervalPlot(
        title=f"Means with {next(iter(reports.values())).interval.level:.0%} intervals{lower}",
        height=bottom + 22,
        bottom=bottom,
        ticks=tuple(Tick(across(value), f"{value:g}") for value in ticks),
        rows=tuple(rows),
    )


def _at_ranks(
    answers: Mapping[str, Ranking], qrels: Qrels, qids: Sequence[str], depth: int, *, single: bool
) -> NDArray[np.float64]:
    """Means over the queries at rank 1 to `depth`; a query without an answer counts as zero."""
    hits = np.zeros((len(qids), depth))
    for row, qid in enumerate(qids):
        for column, path in enumerate(answers[qid].paths[:depth] if qid in answers else ()):
            hits[row, column] = qrels.grades[qid].get(path, 0) > 0
    found = np.cumsum(hits, axis=1)
    at_ranks: NDArray[np.float64] = np.mean(found > 0 if single else found / np.arange(1, depth + 1), axis=0)
    return at_ranks


def _bars(left: float, width: float, ends: NDArray[np.float64], zero: float) -> str:
    """One closed path around all bars from `zero` to their ends, each `width` wide."""
    steps = [f"V{end:.1f}h{width:.2f}" for end in ends.tolist()]
    return f"M{left:.1f} {zero:.1f}{''.join(steps)}V{zero:.1f}z"
