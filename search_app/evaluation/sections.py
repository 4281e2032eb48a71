"""The sections of a suite: what each asks, what counts as right there, and how one report comes of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from search_app.evaluation.measures import Measure, QueryScores
from search_app.evaluation.report import Counts, EvaluationReport, estimate_means, values_by_query
from search_app.evaluation.runner import EvaluationOptions, Search, evaluate
from search_app.evaluation.trec import Qrels, Topics


@dataclass(frozen=True, slots=True)
class About:
    """What a reader needs to understand the figures of one section."""

    name: str
    """Its key in results, such as `categories` or `slice-object`."""
    title: str
    note: str
    """What is asked, what counts as right and what to beware of."""
    topics: Topics
    qrels: Qrels
    """Empty where nothing is ranked, as in the choice between statements."""
    clusters: Mapping[str, str]
    """Query to the group it belongs to; queries that are not in it stand alone."""


class Part(Protocol):
    """One section, or several that share their questions."""

    @property
    def sections(self) -> Sequence[About]:
        """What `evaluate` reports on."""
        ...

    @property
    def asked(self) -> int:
        """Texts put to the search."""
        ...

    def evaluate(self, search: Search, options: EvaluationOptions) -> dict[str, EvaluationReport]:
        """A report for each section, by its name."""
        ...


@dataclass(frozen=True, slots=True)
class RankedPart:
    """Queries whose answers are ranked lists of pictures."""

    about: About
    measures: tuple[Measure, ...]

    @property
    def sections(self) -> Sequence[About]:
        """The one section."""
        return (self.about,)

    @property
    def asked(self) -> int:
        """One text a query."""
        return len(self.about.topics)

    def evaluate(self, search: Search, options: EvaluationOptions) -> dict[str, EvaluationReport]:
        """Ask and measure; see `runner.evaluate`."""
        about = self.about
        grouped = replace(options, clusters=about.clusters, run_file=None)
        return {about.name: evaluate(search, about.topics, about.qrels, self.measures, grouped)}


def report_of(
    scores: QueryScores,
    counts: Counts,
    options: EvaluationOptions,
    seconds: float,
    clusters: Mapping[str, str] | None = None,
) -> EvaluationReport:
    """A report on values that were measured elsewhere; queries of one cluster are drawn together."""
    return EvaluationReport(
        measures=estimate_means(scores, options.interval, clusters),
        queries=values_by_query(scores),
        counts=counts,
        model=options.model,
        collection=options.collection,
        depth=options.depth,
        interval=options.interval,
        seconds=seconds,
    )
