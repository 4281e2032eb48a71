"""The page's tables: what each system reached, what differs, what moved, what to be suspicious of."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from search_app.evaluation.comparison import Comparison, Difference, lower_is_better
from search_app.evaluation.report import Estimate, EvaluationReport
from search_app.evaluation.tables import TextTable

_NARROW = 4
"""Systems up to which they are columns; more of them become rows."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A mean, its interval, and whether it is significantly better than each other system's."""

    value: str
    interval: str = ""
    best: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table whose first column and first row are headers."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]


@dataclass(frozen=True, slots=True)
class DifferenceRow:
    """One line of the table of differences."""

    measure: str
    difference: str
    interval: str
    p: str
    counts: str
    better: str
    """The system that is significantly better, or nothing."""


def figure(value: float) -> str:
    """A measure's value as the page prints it."""
    return f"{value:.3f}" if abs(value) <= 1 else f"{value:.2f}"


def signed(value: float) -> str:
    """A difference as the page prints it, with a real minus sign."""
    return ("+" if value >= 0 else "\N{MINUS SIGN}") + figure(abs(value))


def summary_table(reports: Mapping[str, EvaluationReport], comparison: Comparison | None) -> Table:
    """Systems and measures; the shorter side becomes the columns, so that a phone can show it."""
    measures = list(dict.fromkeys(name for report in reports.values() for name in report.measures))
    cells = {
        (system, measure): _cell(
            report.measures[measure], best=comparison is not None and comparison.winner(measure) == system
        )
        for system, report in reports.items()
        for measure in measures
    }
    names = {measure: named(measure) for measure in measures}
    if len(reports) <= _NARROW:
        rows = [(names[measure], tuple(cells[system, measure] for system in reports)) for measure in measures]
        return Table(("measure", *reports), tuple(rows))
    rows = [(system, tuple(cells[system, measure] for measure in measures)) for system in reports]
    return Table(("system", *names.values()), tuple(rows))


def overview_table(
    lines: Iterable[tuple[str, str, Mapping[str, EvaluationReport], Comparison | None]], systems: Sequence[str]
) -> Table:
    """A row for each section (title, its headline measure, reports, comparison), a column for each system."""
    rows = []
    for title, measure, reports, comparison in lines:
        winner = comparison.winner(measure) if comparison else None
        queries = len(next(iter(reports.values())).queries)
        cells = [
            _cell(reports[system].measures[measure], best=system == winner) if system in reports else Cell("")
            for system in systems
        ]
        rows.append((title, (Cell(measure, f"{queries} queries"), *cells)))
    return Table(("section", "measure", *systems), tuple(rows))


def plain_table(table: TextTable) -> Table:
    """A table of text as the page draws tables."""
    return Table(table.head, tuple((row[0], tuple(map(Cell, row[1:]))) for row in table.rows))


def named(measure: str) -> str:
    """The measure's name, with a word where less is better."""
    return f"{measure} (lower is better)" if lower_is_better(measure) else measure


def difference_rows(differences: Iterable[Difference], alpha: float) -> list[DifferenceRow]:
    """One line for each measure of a pair."""
    return [
        DifferenceRow(
            measure=named(each.measure),
            difference=signed(each.difference),
            interval=f"{signed(each.low)} to {signed(each.high)}",
            p=f"{each.p_holm:.3f}" if each.p_holm >= 0.001 else "< 0.001",
            counts=f"{each.wins}/{each.ties}/{each.losses}",
            better=each.better(alpha) or "",
        )
        for each in differences
    ]


def remarks(reports: Mapping[str, EvaluationReport]) -> list[str]:
    """What stands behind the means, and what should make a reader suspicious; the same remark is made once."""
    counts = next(iter(reports.values())).counts
    lines = [
        f"{counts.measured} queries measured, {counts.judgements} judgements of {counts.judged_pictures} pictures."
    ]
    for system, report in reports.items():
        each = report.counts
        found = {
            "topics have no judgements and are not measured.": each.without_qrels,
            "judged queries are missing from the topics and count as zero.": each.without_topic,
            "judged queries have nothing relevant and count as zero.": each.without_relevant,
            f"of {each.judged_pictures} judged pictures are not in the index.": each.unknown_pictures,
            f"judged queries got no answer from {system} and count as zero.": each.unanswered,
        }
        lines += [f"{number} {remark}" for remark, number in found.items() if number]
    return list(dict.fromkeys(lines))


def _cell(estimate: Estimate, *, best: bool) -> Cell:
    return Cell(figure(estimate.value), f"{figure(estimate.low)} to {figure(estimate.high)}", best)
