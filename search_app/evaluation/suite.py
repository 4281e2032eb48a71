"""The suite: everything that the labels of a collection let us ask, put to several systems alike."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace

import numpy as np

from search_app.evaluation.absent import NOTE as ABSENT_NOTE
from search_app.evaluation.absent import AbsentPart
from search_app.evaluation.ads import JudgedQueries
from search_app.evaluation.candidates import TASKS, CandidatesPart, collect_statements, playing
from search_app.evaluation.comparison import Comparison, compare, same_relevant
from search_app.evaluation.label_folder import CollectionLabels
from search_app.evaluation.measures import parse_measures
from search_app.evaluation.report import Estimate, EvaluationReport
from search_app.evaluation.runner import EvaluationOptions, Search
from search_app.evaluation.sections import About, Part, RankedPart
from search_app.evaluation.slice_data import SLICES, SliceQueries
from search_app.evaluation.trec import Qrels, Ranking, Topics

CATEGORIES = "categories"
STATEMENTS = "statements"
_CATEGORY_MEASURES = "nDCG@10 P@10 R@10 R@50 AP Rprec"
_STATEMENT_MEASURES = "R@1 R@5 R@10 RR"
_SLICE_MEASURES = "nDCG@10 P@1 R@10 RR AP"
_CATEGORY_NOTE = (
    "The name of each category and its variations are the queries; relevant are the pictures that more than half of "
    "their annotators put there. A category with five pictures says little: the table by category tells how many "
    "stand behind it. The queries of one category are drawn together for intervals and tests."
)
_STATEMENT_NOTE = (
    "Each statement that an annotator wrote about a picture has to find that picture among all in the index. The "
    "statements of one picture are drawn together for intervals and tests."
)
_SLICE_TITLES: Mapping[str, str] = {
    "object": "Things in the picture",
    "attribute": "Things with a colour, a style, a language",
    "counting": "So many things",
    "abstract": "Ideas and moods",
    "printed": "Words printed in the picture",
    "brand": "Brands",
    "absent": "Nothing there",
}
_SLICE_NOTE = "Queries of our own, judged by eye on these pictures with grades 0, 1, 2; `ads_slices/RULES.md` says how."
KEPT_ANSWERS = 20
"""Of each query, for the page."""


@dataclass(frozen=True, slots=True)
class SuiteResult:
    """One system's reports and first answers, by section and query."""

    reports: Mapping[str, EvaluationReport]
    answers: Mapping[str, Mapping[str, Ranking]]


@dataclass(frozen=True, slots=True)
class Suite:
    """Sections in the order of tables and pages, and how they are asked."""

    parts: tuple[Part, ...]
    options: EvaluationOptions = field(default_factory=EvaluationOptions)

    @property
    def sections(self) -> list[About]:
        """All sections of all parts."""
        return [about for part in self.parts for about in part.sections]

    @property
    def asked(self) -> int:
        """Texts put to each system."""
        return sum(part.asked for part in self.parts)

    def evaluate(
        self, name: str, search: Search, progress: Callable[[int, int], None] = lambda _done, _total: None
    ) -> SuiteResult:
        """Put everything to one system, which is called `name` in its reports."""
        memory = Memory(search)
        options = replace(self.options, model=name)
        reports: dict[str, EvaluationReport] = {}
        done = 0
        for part in self.parts:
            reports |= part.evaluate(memory.search, options)
            done += part.asked
            progress(done, self.asked)
        return SuiteResult(reports, {about.name: memory.answers(about.topics) for about in self.sections})

    def compare(self, section: About, reports: Mapping[str, EvaluationReport]) -> Comparison | None:
        """Paired differences of all systems on one section; None for fewer than two systems."""
        clusters = section.clusters or same_relevant(section.qrels)
        return compare(reports, self.options.interval.seed, clusters) if len(reports) > 1 else None


def build_suite(labels: CollectionLabels, images: Collection[str], options: EvaluationOptions) -> Suite:
    """Everything these labels let us ask over `images`, the paths in the index."""
    parts: list[Part] = []
    if labels.categories:
        parts.append(_ranked(CATEGORIES, "Categories", _CATEGORY_NOTE, labels.categories, _CATEGORY_MEASURES))
    if labels.statements:
        title = "Statements find their picture"
        parts.append(_ranked(STATEMENTS, title, _STATEMENT_NOTE, labels.statements, _STATEMENT_MEASURES))
        statements = collect_statements(labels.owned, labels.topics)
        # Of few pictures on few topics nobody may have enough candidates: such a choice has no mean.
        if tasks := tuple(task for task in TASKS if playing(statements, task)):
            parts.append(CandidatesPart(statements, tasks, len(images)))
    if labels.slices:
        parts += _slices(labels.slices)
    return Suite(tuple(parts), options)


def average(results: Sequence[SuiteResult]) -> SuiteResult:
    """The mean of several draws of one system, query by query; the answers of the first stand for all."""
    first = results[0]
    reports = {name: _average([each.reports[name] for each in results]) for name in first.reports}
    return SuiteResult(reports, first.answers)


def _ranked(name: str, title: str, note: str, queries: JudgedQueries, measures: str) -> RankedPart:
    about = About(name, title, note, queries.topics, queries.qrels, same_relevant(queries.qrels))
    return RankedPart(about, parse_measures(measures))


def _slices(slices: SliceQueries) -> Iterator[Part]:
    present: dict[str, str] = {}
    for name in SLICES:
        topics, qrels = _part_of(slices, name)
        title = f"{_SLICE_TITLES[name]} ({name})"
        if name == "absent":
            yield AbsentPart(About(f"slice-{name}", title, ABSENT_NOTE, topics, qrels, {}), present)
        else:
            present |= topics
            queries = JudgedQueries(topics, qrels)
            yield _ranked(f"slice-{name}", title, _SLICE_NOTE, queries, _SLICE_MEASURES)


def _part_of(slices: SliceQueries, name: str) -> tuple[Topics, Qrels]:
    qids = slices.of(name)
    topics = {qid: slices.topics[qid] for qid in qids}
    return topics, Qrels({qid: slices.qrels.grades[qid] for qid in qids})


def _average(reports: Sequence[EvaluationReport]) -> EvaluationReport:
    first = reports[0]
    queries = {
        qid: {name: float(np.mean([each.queries[qid][name] for each in reports])) for name in values}
        for qid, values in first.queries.items()
    }
    ends = {
        name: np.mean([astuple(each.measures[name]) for each in reports], axis=0).tolist() for name in first.measures
    }
    return replace(first, queries=queries, measures={name: Estimate(*values) for name, values in ends.items()})


class Memory:
    """A search that remembers the first answers to each text."""

    def __init__(self, search: Search) -> None:
        self._search = search
        self._kept: dict[str, Ranking] = {}

    def search(self, texts: Sequence[str], depth: int) -> Sequence[Ranking]:
        """Ask and keep."""
        rankings = self._search(texts, depth)
        for text, each in zip(texts, rankings, strict=True):
            if text not in self._kept or len(self._kept[text].paths) < min(KEPT_ANSWERS, depth):
                self._kept[text] = Ranking(list(each.paths[:KEPT_ANSWERS]), each.scores[:KEPT_ANSWERS].copy())
        return rankings

    def answers(self, topics: Topics) -> dict[str, Ranking]:
        """The first answers to each topic that was asked."""
        return {qid: self._kept[text] for qid, text in topics.items() if text in self._kept}
