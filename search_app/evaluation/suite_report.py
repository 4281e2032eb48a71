"""What a suite found, as tables and as JSON."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from search_app.evaluation.ann import AnnRecall
from search_app.evaluation.comparison import Comparison, format_comparison
from search_app.evaluation.differences import headline, lower_is_better
from search_app.evaluation.page.write import Section
from search_app.evaluation.report import Estimate, EvaluationReport
from search_app.evaluation.sections import About
from search_app.evaluation.suite import CATEGORIES, Suite, SuiteResult
from search_app.evaluation.tables import TextTable

BEST = "*"
"""Marks a mean that is significantly better than each other system's."""


@dataclass(frozen=True)
class SuiteReport:
    """Several systems on one suite; the first one is what the report is about."""

    suite: Suite
    results: Mapping[str, SuiteResult]
    ann: AnnRecall | None = None

    @cached_property
    def comparisons(self) -> dict[str, Comparison | None]:
        """Section to the paired comparison of all systems."""
        return {about.name: self.suite.compare(about, self.reports(about)) for about in self.suite.sections}

    def reports(self, about: About) -> dict[str, EvaluationReport]:
        """System to its report on one section."""
        return {name: result.reports[about.name] for name, result in self.results.items()}

    def tables(self) -> list[TextTable]:
        """One for each section, one by category, one for the index."""
        found = [self._section(about) for about in self.suite.sections]
        if about := next((about for about in self.suite.sections if about.name == CATEGORIES), None):
            found.insert(1, self._by_category(about))
        return [*found, *([_of_index(self.ann)] if self.ann else [])]

    def sections(self) -> list[Section]:
        """For the page."""
        return [
            Section(
                about.title,
                about.note,
                self.reports(about),
                about.topics,
                about.qrels,
                {name: result.answers[about.name] for name, result in self.results.items()},
                about.clusters or None,
            )
            for about in self.suite.sections
        ]

    def differences(self, about: About) -> str:
        """The paired comparison of one section as plain text; empty for one system."""
        comparison = self.comparisons[about.name]
        return "" if comparison is None else format_comparison(comparison, about.topics)

    def to_json(self) -> dict[str, object]:
        """`{"sections": {NAME: {"title", "note", "systems": {NAME: report}, "comparison"}}, "ann": ...}`."""
        sections: dict[str, object] = {}
        for about in self.suite.sections:
            comparison = self.comparisons[about.name]
            sections[about.name] = {
                "title": about.title,
                "note": about.note,
                "systems": {name: report.to_json() for name, report in self.reports(about).items()},
                "comparison": comparison.to_json() if comparison else [],
            }
        return {"sections": sections, "ann": self.ann.to_json() if self.ann else None}

    def _section(self, about: About) -> TextTable:
        reports = self.reports(about)
        first = next(iter(reports.values()))
        comparison = self.comparisons[about.name]
        winners = {measure: comparison.winner(measure) if comparison else None for measure in first.measures}
        rows = [
            (
                f"{measure} (lower is better)" if lower_is_better(measure) else measure,
                *(_cell(each.measures[measure], best=winners[measure] == name) for name, each in reports.items()),
            )
            for measure in first.measures
        ]
        level = f"{first.interval.level:.0%}"
        counts = first.counts
        note = (
            f"{counts.measured} queries, {counts.judged_pictures} judged pictures; means with {level} bootstrap "
            f"intervals{f'; {BEST} significantly better than each other one' if len(reports) > 1 else ''}."
        )
        return TextTable(f"{about.title}", ("measure", *reports), tuple(rows), note)

    def _by_category(self, about: About) -> TextTable:
        """The mean over each category's queries, and how many pictures stand behind it."""
        reports = self.reports(about)
        measure = headline(list(next(iter(reports.values())).measures))
        members: dict[str, list[str]] = {}
        for qid, first in about.clusters.items():
            members.setdefault(first, []).append(qid)
        pictures = {key: sum(grade > 0 for grade in about.qrels.grades[key].values()) for key in members}
        rows = [
            (
                key,
                str(pictures[key]),
                *(f"{np.mean([each.queries[qid][measure] for qid in qids]):.3f}" for each in reports.values()),
            )
            for key, qids in sorted(members.items(), key=lambda item: (-pictures[item[0]], item[0]))
        ]
        note = f"{measure}, mean over the category's name and its variations."
        return TextTable(f"{about.title}, one by one", ("category", "pictures", *reports), tuple(rows), note)


def _cell(mean: Estimate, *, best: bool) -> str:
    return f"{mean.value:.3f} ({mean.low:.3f} to {mean.high:.3f}){BEST if best else ''}"


def _of_index(ann: AnnRecall) -> TextTable:
    row = (
        f"{ann.value:.4f} ({ann.low:.4f} to {ann.high:.4f})",
        f"{ann.worst:.2f}",
        str(ann.queries),
        str(ann.pictures),
    )
    note = f"{ann.measure} of the index at the settings shipped against comparing with every vector."
    if ann.pictures < FEW_PICTURES:
        note += " So few pictures are compared whole by any engine: this says nothing of a large collection."
    return TextTable(
        "The index against exact search", (ann.measure, "worst query", "queries", "pictures"), (row,), note
    )


FEW_PICTURES = 10_000
