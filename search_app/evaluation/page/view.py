"""What the page shows of each section, ready for the template: no layout here, no computing there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from search_app.evaluation.comparison import (
    Comparison,
    Difference,
    Move,
    compare,
    headline,
    lower_is_better,
    same_relevant,
)
from search_app.evaluation.page.pictures import ANSWERS, Album, Strip, answer_strip, best_and_worst, missed_strip
from search_app.evaluation.page.plots import (
    CurvePlot,
    DifferencePlot,
    IntervalPlot,
    curve_plot,
    difference_plot,
    interval_plots,
)
from search_app.evaluation.page.tables import (
    DifferenceRow,
    Table,
    difference_rows,
    figure,
    overview_table,
    remarks,
    signed,
    summary_table,
)
from search_app.evaluation.report import EvaluationReport
from search_app.evaluation.trec import Qrels, Ranking, Topics

_QUERIES = 3
"""Best and worst queries shown of each section."""
_SYSTEMS = 3
"""Systems whose answers are shown as pictures."""
_PAIRS = 6
"""Pairs of systems that are drawn and listed one by one."""


@dataclass(frozen=True, slots=True)
class Section:
    """One test collection and what each system reached on it; the first system is the one the page is about."""

    title: str
    note: str
    """A sentence or two on what is asked and what counts as right."""
    reports: Mapping[str, EvaluationReport]
    """System to report."""
    topics: Topics
    qrels: Qrels
    answers: Mapping[str, Mapping[str, Ranking]]
    """System to query to its top answers; may lack systems and queries."""
    clusters: Mapping[str, str] | None = None
    """Query to group, as `compare` takes it; None groups queries with the very same relevant pictures."""


@dataclass(frozen=True, slots=True)
class _Query:
    """One query with the answers to it."""

    qid: str
    text: str
    strips: tuple[Strip, ...]
    missed: Strip | None = None
    """Relevant pictures that are not among the first answers of the first system."""


@dataclass(frozen=True, slots=True)
class _Moved:
    """One query of the table of those that moved most."""

    text: str
    difference: str
    strips: tuple[Strip, Strip]


@dataclass(frozen=True, slots=True)
class _Pair:
    first: str
    second: str
    rows: Sequence[DifferenceRow]
    plot: DifferencePlot
    first_gains: Sequence[_Moved]
    second_gains: Sequence[_Moved]


@dataclass(frozen=True, slots=True)
class View:
    """What the template shows of one section."""

    number: int
    section: Section
    headline: str
    summary: Table
    remarks: Sequence[str]
    comparison: Comparison | None
    intervals: Sequence[IntervalPlot]
    curve: CurvePlot | None
    pairs: Sequence[_Pair]
    best: Sequence[_Query]
    worst: Sequence[_Query]
    nothing: Sequence[_Query]
    """Queries for which nothing is relevant, where all are so."""


def section_view(number: int, section: Section, album: Album) -> View:
    """Everything the page says about one section; asks the album for the pictures it shows."""
    reports = section.reports
    measure = headline(list(next(iter(reports.values())).measures))
    comparison = None
    if len(reports) > 1:
        groups = same_relevant(section.qrels) if section.clusters is None else section.clusters
        comparison = compare(reports, next(iter(reports.values())).interval.seed, groups)
    best, worst, nothing = _notable(section, measure)
    answers = {name: section.answers[name] for name in reports if section.answers.get(name)}
    return View(
        number=number,
        section=section,
        headline=measure,
        summary=summary_table(reports, comparison),
        remarks=remarks(reports),
        comparison=comparison,
        intervals=interval_plots(reports),
        curve=curve_plot(answers, section.qrels, list(next(iter(reports.values())).queries)),
        best=[_query(section, qid, measure, album) for qid in best],
        worst=[_with_missed(section, _query(section, qid, measure, album), album) for qid in worst],
        nothing=[_query(section, qid, measure, album) for qid in nothing],
        pairs=[] if comparison is None else _pairs(section, comparison, measure, album),
    )


def overview(views: Sequence[View], systems: Sequence[str]) -> Table | None:
    """A line for each section with its headline measure; None where one section says it all."""
    if len(views) < 2:
        return None
    lines = [(view.section.title, view.headline, view.section.reports, view.comparison) for view in views]
    return overview_table(lines, systems)


def _notable(section: Section, measure: str) -> tuple[list[str], list[str], list[str]]:
    """Best and worst queries of the first system, and a few where nothing is relevant to any query."""
    name, report = next(iter(section.reports.items()))
    if not section.answers.get(name):
        return [], [], []
    sign = -1 if lower_is_better(measure) else 1
    gains = {qid: sign * values[measure] for qid, values in report.queries.items() if qid in section.topics}
    best, worst = best_and_worst(gains, section.qrels.grades, _QUERIES)
    return best, worst, [] if best else list(gains)[:_QUERIES]


def _query(section: Section, qid: str, measure: str, album: Album) -> _Query:
    shown = [name for name in section.reports if name in section.answers][:_SYSTEMS]
    strips = [_strip(section, name, qid, measure, album) for name in shown]
    return _Query(qid, section.topics.get(qid, qid), tuple(strips))


def _with_missed(section: Section, query: _Query, album: Album) -> _Query:
    ranking = section.answers[next(iter(section.reports))].get(query.qid)
    return replace(query, missed=missed_strip(album, ranking, section.qrels.grades[query.qid]))


def _strip(section: Section, name: str, qid: str, measure: str, album: Album, count: int = ANSWERS) -> Strip:
    ranking = section.answers.get(name, {}).get(qid)
    value = figure(section.reports[name].queries[qid][measure])
    return answer_strip(album, name, value, ranking, section.qrels.grades.get(qid, {}), count)


def _pairs(section: Section, comparison: Comparison, measure: str, album: Album) -> list[_Pair]:
    """The pairs in their order, those with the first system first."""
    pairs = []
    for first, second in list(combinations(comparison.systems, 2))[:_PAIRS]:
        rows = comparison.between(first, second)
        shown = next(row for row in rows if row.measure == measure)
        pairs.append(
            _Pair(
                first,
                second,
                difference_rows(rows, comparison.alpha),
                difference_plot(shown, section.reports),
                [_moved(section, shown, move, album) for move in shown.first_gains],
                [_moved(section, shown, move, album) for move in shown.second_gains],
            )
        )
    return pairs


def _moved(section: Section, row: Difference, move: Move, album: Album) -> _Moved:
    strips = [_strip(section, name, move.qid, row.measure, album, count=1) for name in (row.first, row.second)]
    return _Moved(section.topics.get(move.qid, move.qid), signed(move.first - move.second), (strips[0], strips[1]))
