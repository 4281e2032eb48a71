"""Evaluate a search: ask every topic, measure each answer as it comes, keep none of them."""

import time
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from search_app.errors import EvaluationError
from search_app.evaluation.measures import Measure, score_rankings
from search_app.evaluation.report import Counts, EvaluationReport, Interval, estimate_means, values_by_query
from search_app.evaluation.trec import Qrels, Ranking, RunWriter, Topics

Search: TypeAlias = Callable[[Sequence[str], int], Sequence[Ranking]]
"""From query texts and a depth to one ranking for each text, in their order."""
Progress: TypeAlias = Callable[[int, int], None]
"""Called after each batch with the queries answered and all queries."""


@dataclass(frozen=True, slots=True)
class EvaluationOptions:
    """How the search is asked and what is kept; `model` and `collection` only label the report and the run."""

    model: str = "unnamed"
    collection: str = "unnamed"
    depth: int = 1000
    batch_size: int = 32
    run_file: Path | None = None
    """Where the TREC run file goes."""
    indexed: Container[str] | None = None
    """Paths in the index; with them the report counts judged pictures that can never be found."""
    interval: Interval = field(default_factory=Interval)
    clusters: Mapping[str, str] | None = None
    """Query id to the group it belongs to, such as a statement to its picture; intervals keep groups whole."""


@dataclass(slots=True)
class _Tally:
    """What is noticed while the answers pass by."""

    seconds: float = 0.0
    empty: set[str] = field(default_factory=set)


def evaluate(
    search: Search,
    topics: Topics,
    qrels: Qrels,
    measures: Sequence[Measure],
    options: EvaluationOptions,
    progress: Progress = lambda _done, _total: None,
) -> EvaluationReport:
    """Ask every topic in batches, write the run file as answers come, and measure the judged queries.

    Raises `EvaluationError` where topics and qrels have no query in common.
    """
    if not qrels.grades.keys() & topics.keys():
        raise EvaluationError("no query id of the topics occurs in the qrels: do the two files belong together?")
    tally = _Tally()
    run = RunWriter(options.run_file, options.model, qrels.spellings) if options.run_file else nullcontext()
    with run as writer:
        answers = _answers(search, topics, options, progress, tally)
        scores = score_rankings(_recorded(answers, writer), qrels, measures)
    return EvaluationReport(
        measures=estimate_means(scores, options.interval, options.clusters),
        queries=values_by_query(scores),
        counts=_counts(topics, qrels, tally.empty, options.indexed),
        model=options.model,
        collection=options.collection,
        depth=options.depth,
        interval=options.interval,
        seconds=tally.seconds,
    )


def _answers(
    search: Search, topics: Topics, options: EvaluationOptions, progress: Progress, tally: _Tally
) -> Iterator[tuple[str, Ranking]]:
    qids, texts = list(topics), list(topics.values())
    for start in range(0, len(qids), options.batch_size):
        batch = slice(start, start + options.batch_size)
        began = time.perf_counter()
        rankings = search(texts[batch], options.depth)
        tally.seconds += time.perf_counter() - began
        for qid, ranking in zip(qids[batch], rankings, strict=True):
            if not ranking.paths:
                tally.empty.add(qid)
            yield qid, ranking
        progress(min(batch.stop, len(qids)), len(qids))


def _recorded(answers: Iterator[tuple[str, Ranking]], writer: RunWriter | None) -> Iterator[tuple[str, Ranking]]:
    for qid, ranking in answers:
        if writer:
            writer.write(qid, ranking)
        yield qid, ranking


def _counts(topics: Topics, qrels: Qrels, empty: set[str], indexed: Container[str] | None) -> Counts:
    judged = qrels.grades
    pictures = {path for grades in judged.values() for path in grades}
    return Counts(
        topics=len(topics),
        measured=len(judged),
        without_qrels=len(topics.keys() - judged.keys()),
        without_topic=len(judged.keys() - topics.keys()),
        unanswered=len(judged.keys() & empty),
        without_relevant=sum(not any(grades.values()) for grades in judged.values()),
        judgements=sum(map(len, judged.values())),
        judged_pictures=len(pictures),
        unknown_pictures=0 if indexed is None else sum(path not in indexed for path in pictures),
    )
