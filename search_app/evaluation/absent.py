"""Is nothing claimed where there is nothing? The best score of queries with and without an answer."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search_app.evaluation.measures import Measure, QueryScores
from search_app.evaluation.report import Counts, Estimate, EvaluationReport, Interval, values_by_query
from search_app.evaluation.runner import EvaluationOptions, Search
from search_app.evaluation.sections import About
from search_app.evaluation.trec import Topics

LOST = 0.1
"""Queries with an answer that a threshold may turn away, as a share."""
MEASURES = (Measure("AUROC"), Measure("Rejected", 10))
NOTE = (
    "Nothing is relevant to these queries; what counts is that their best score is lower than those of queries that "
    "have an answer. AUROC: the chance that it is (half for a tie). Rejected@10: absent queries under the highest "
    "threshold that turns away at most 10 % of the others. Intervals draw both kinds of queries anew, the threshold "
    "too."
)
_BATCH = 32
_DEPTH = 10
"""Answers asked for; the first one counts, the others are for the page."""


@dataclass(frozen=True, slots=True)
class AbsentPart:
    """Queries without an answer against those with one."""

    about: About
    """Its topics are the queries without an answer."""
    present: Topics

    @property
    def sections(self) -> Sequence[About]:
        """The one section."""
        return (self.about,)

    @property
    def asked(self) -> int:
        """Queries of both kinds."""
        return len(self.about.topics) + len(self.present)

    def evaluate(self, search: Search, options: EvaluationOptions) -> dict[str, EvaluationReport]:
        """Ask both kinds and compare their best scores."""
        began = time.perf_counter()
        absent = _top_scores(search, list(self.about.topics.values()))
        present = _top_scores(search, list(self.present.values()))
        seconds = time.perf_counter() - began
        values = np.stack([outranked(absent, present), rejected(absent, present)], axis=1)
        scores = QueryScores(MEASURES, tuple(self.about.topics), values)
        grades = self.about.qrels.grades
        pictures = {path for each in grades.values() for path in each}
        report = EvaluationReport(
            measures=_estimates(absent, present, values, options.interval),
            queries=values_by_query(scores),
            counts=Counts(
                topics=len(absent),
                measured=len(absent),
                without_qrels=0,
                without_topic=0,
                unanswered=0,
                without_relevant=0,
                judgements=sum(map(len, grades.values())),
                judged_pictures=len(pictures),
                unknown_pictures=0,
            ),
            model=options.model,
            collection=options.collection,
            depth=1,
            interval=options.interval,
            seconds=seconds,
        )
        return {self.about.name: report}


def outranked(absent: NDArray[np.float64], present: NDArray[np.float64]) -> NDArray[np.float64]:
    """For each absent query the share of the present ones with a higher score, half for a tie.

    Its mean is the area under the ROC curve (Hanley and McNeil 1982).
    """
    shares: NDArray[np.float64] = _wins(absent, present).mean(axis=1)
    return shares


def rejected(absent: NDArray[np.float64], present: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 for each absent query below the threshold that at most `LOST` of the present ones are below, else 0."""
    threshold = np.sort(present)[int(LOST * len(present))]
    below: NDArray[np.float64] = (absent < threshold).astype(np.float64)
    return below


def _wins(absent: NDArray[np.float64], present: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shape (absent, present)."""
    wins: NDArray[np.float64] = (present > absent[:, None]) + 0.5 * (present == absent[:, None])
    return wins


def _top_scores(search: Search, texts: Sequence[str]) -> NDArray[np.float64]:
    """The best score of each answer, shape (texts,); -inf where there is none."""
    rankings = [
        ranking for start in range(0, len(texts), _BATCH) for ranking in search(texts[start : start + _BATCH], _DEPTH)
    ]
    return np.array([ranking.scores[0] if len(ranking.scores) else -np.inf for ranking in rankings], dtype=np.float64)


def _estimates(
    absent: NDArray[np.float64], present: NDArray[np.float64], values: NDArray[np.float64], interval: Interval
) -> dict[str, Estimate]:
    """The means with percentile bootstrap intervals over both kinds of queries."""
    random = np.random.default_rng(interval.seed)
    drawn = np.empty((interval.resamples, len(MEASURES)))
    wins = _wins(absent, present)
    for row in range(interval.resamples):
        ours, theirs = (random.integers(0, len(each), len(each)) for each in (absent, present))
        drawn[row] = wins[np.ix_(ours, theirs)].mean(), rejected(absent[ours], present[theirs]).mean()
    tail = (1 - interval.level) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail], axis=0)
    return {
        str(measure): Estimate(float(values[:, column].mean()), float(low[column]), float(high[column]))
        for column, measure in enumerate(MEASURES)
    }
