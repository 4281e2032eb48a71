"""The result of an evaluation, as values, as JSON and as a table for the terminal."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from search_app.evaluation.measures import QueryScores
from search_app.evaluation.statistics import bootstrap_interval


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over queries with its bootstrap interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Interval:
    """How the intervals are made."""

    level: float = 0.95
    resamples: int = 2000
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Counts:
    """What stands behind the means, and what should make a reader suspicious."""

    topics: int
    """Queries in the topics file."""
    measured: int
    """Queries with judgements: the means are over these."""
    without_qrels: int
    """Topics nobody judged; not measured."""
    without_topic: int
    """Judged queries that are not in the topics; each counts as zero."""
    unanswered: int
    """Judged queries of the topics that got an empty answer; each counts as zero."""
    without_relevant: int
    """Judged queries for which nothing is relevant; each counts as zero."""
    judgements: int
    """Lines of the qrels, duplicates once."""
    judged_pictures: int
    """Different pictures in the qrels."""
    unknown_pictures: int
    """Pictures in the qrels that are not in the index."""


@dataclass(frozen=True, slots=True)
class EvaluationReport:
    """Means with intervals, and what each query contributed."""

    measures: Mapping[str, Estimate]
    queries: Mapping[str, Mapping[str, float]]
    """Query id to measure to value."""
    counts: Counts
    model: str
    collection: str
    depth: int
    """Answers asked for each query."""
    interval: Interval
    seconds: float
    """Time the queries took, encoding and search together."""

    def to_json(self) -> dict[str, object]:
        """The promised form of `evaluate --json`: `measures`, `queries`, `model`, `collection` and more."""
        return {
            "measures": {name: asdict(estimate) for name, estimate in self.measures.items()},
            "queries": {qid: dict(values) for qid, values in self.queries.items()},
            "model": self.model,
            "collection": self.collection,
            "depth": self.depth,
            "counts": asdict(self.counts),
            "interval": asdict(self.interval),
            "seconds": round(self.seconds, 3),
        }


def estimate_means(
    scores: QueryScores, interval: Interval, clusters: Mapping[str, str] | None = None
) -> dict[str, Estimate]:
    """The mean of each measure with its interval; queries of one cluster (query id to name) are drawn together."""
    low, high = bootstrap_interval(
        scores.values,
        level=interval.level,
        resamples=interval.resamples,
        seed=interval.seed,
        groups=groups_of(scores.qids, clusters),
    )
    means = np.mean(scores.values, axis=0)
    return {
        str(measure): Estimate(float(means[column]), float(low[column]), float(high[column]))
        for column, measure in enumerate(scores.measures)
    }


def groups_of(qids: Sequence[str], clusters: Mapping[str, str] | None) -> list[str] | None:
    """The cluster of each query, as `bootstrap_interval` takes them; a query without one stands alone."""
    return None if clusters is None else [clusters.get(qid, qid) for qid in qids]


def values_by_query(scores: QueryScores) -> dict[str, dict[str, float]]:
    """Query id to measure to value."""
    names = [str(measure) for measure in scores.measures]
    return {
        qid: dict(zip(names, row, strict=True)) for qid, row in zip(scores.qids, scores.values.tolist(), strict=True)
    }


def format_table(report: EvaluationReport) -> str:
    """The report as aligned plain text: a line for each measure, then what stands behind it."""
    heading = f"{report.interval.level:.0%} interval"
    width = max(len("measure"), *(len(name) for name in report.measures))
    lines = [f"{'measure':<{width}}   value   {heading}"]
    lines += [
        f"{name:<{width}}  {estimate.value:.4f}  {estimate.low:.4f} - {estimate.high:.4f}"
        for name, estimate in report.measures.items()
    ]
    counts = report.counts
    lines += ["", f"{counts.measured} queries measured, {counts.judgements} judgements, {report.depth} answers a query"]
    lines += [f"model {report.model}, collection {report.collection}"]
    remarks = {
        "topics without judgements, not measured": counts.without_qrels,
        "judged queries missing from the topics, counted as zero": counts.without_topic,
        "judged queries without an answer, counted as zero": counts.unanswered,
        "judged queries for which nothing is relevant, counted as zero": counts.without_relevant,
        f"of {counts.judged_pictures} judged pictures are not in the index": counts.unknown_pictures,
    }
    lines += [f"note: {number} {remark}" for remark, number in remarks.items() if number]
    return "\n".join(lines)
