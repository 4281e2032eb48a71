"""Measures of one ranking, named as in ir-measures and equal to it; a grade above 0 is relevant."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from search_app.errors import EvaluationError
from search_app.evaluation.trec import Grades, Qrels, Ranking

Gains: TypeAlias = NDArray[np.int64]
"""Grades, shape (n,): of a ranking in its order (0 where unjudged), or of all relevant pictures, best first."""
Scorer: TypeAlias = Callable[[Gains, Gains, int | None], float]
"""From a ranking's gains, the ideal gains (all above 0, best first) and the cutoff to a value between 0 and 1."""

DEFAULT_MEASURES = "P@1 P@5 P@10 R@1 R@5 R@10 Success@5 RR AP nDCG@10 Rprec"


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure such as nDCG@10; `str()` gives its name."""

    kind: str
    cutoff: int | None = None

    def __str__(self) -> str:
        return self.kind if self.cutoff is None else f"{self.kind}@{self.cutoff}"


@dataclass(frozen=True, slots=True)
class QueryScores:
    """What several measures say about each judged query."""

    measures: tuple[Measure, ...]
    qids: tuple[str, ...]
    values: NDArray[np.float64]
    """Shape (len(qids), len(measures))."""


def parse_measures(text: str | Iterable[str]) -> tuple[Measure, ...]:
    """Read measures from names, separated by spaces or commas; raises `EvaluationError` with the list of names."""
    names = re.split(r"[\s,]+", text.strip()) if isinstance(text, str) else text
    return tuple(dict.fromkeys(_parse(name) for name in names))


def score_rankings(rankings: Iterable[tuple[str, Ranking]], qrels: Qrels, measures: Sequence[Measure]) -> QueryScores:
    """Measure rankings as they come, keeping none.

    Every query of the qrels counts: one without an answer has zero everywhere. Rankings of other queries are
    ignored.
    """
    rows = {qid: row for row, qid in enumerate(qrels.grades)}
    values = np.zeros((len(rows), len(measures)))
    for qid, ranking in rankings:
        if qid in rows:
            values[rows[qid]] = score_ranking(ranking.paths, qrels.grades[qid], measures)
    return QueryScores(tuple(measures), tuple(rows), values)


def score_ranking(paths: Sequence[str], grades: Grades, measures: Sequence[Measure]) -> list[float]:
    """Measure one ranking against the grades of its query."""
    gains = np.fromiter((grades.get(path, 0) for path in paths), dtype=np.int64, count=len(paths))
    ideal = np.array(sorted((grade for grade in grades.values() if grade > 0), reverse=True), dtype=np.int64)
    if not ideal.size:
        return [0.0] * len(measures)
    return [_KINDS[measure.kind].scorer(gains, ideal, measure.cutoff) for measure in measures]


def _precision(gains: Gains, _ideal: Gains, cutoff: int | None) -> float:
    return np.count_nonzero(gains[:cutoff]) / (cutoff or 1)


def _recall(gains: Gains, ideal: Gains, cutoff: int | None) -> float:
    return np.count_nonzero(gains[:cutoff]) / ideal.size


def _success(gains: Gains, _ideal: Gains, cutoff: int | None) -> float:
    return float(np.any(gains[:cutoff]))


def _reciprocal_rank(gains: Gains, _ideal: Gains, cutoff: int | None) -> float:
    hits = np.flatnonzero(gains[:cutoff])
    return 1 / float(hits[0] + 1) if hits.size else 0.0


def _average_precision(gains: Gains, ideal: Gains, cutoff: int | None) -> float:
    hits = np.flatnonzero(gains[:cutoff])
    return float(np.sum(np.arange(1, hits.size + 1) / (hits + 1))) / ideal.size


def _r_precision(gains: Gains, ideal: Gains, _cutoff: int | None) -> float:
    return np.count_nonzero(gains[: ideal.size]) / ideal.size


def _ndcg(gains: Gains, ideal: Gains, cutoff: int | None) -> float:
    return _dcg(gains[:cutoff]) / _dcg(ideal[:cutoff])


def _dcg(gains: Gains) -> float:
    """Discounted cumulative gain of Jarvelin and Kekalainen (2002) in trec_eval's form: linear gain, log2(rank + 1)."""
    ranks = np.flatnonzero(gains)
    return float(np.sum(gains[ranks] / np.log2(ranks + 2.0)))


@dataclass(frozen=True, slots=True)
class _Kind:
    scorer: Scorer
    cutoff: Literal["needed", "possible", "impossible"]


_KINDS: Mapping[str, _Kind] = {
    "P": _Kind(_precision, "needed"),
    "R": _Kind(_recall, "needed"),
    "Success": _Kind(_success, "needed"),
    "RR": _Kind(_reciprocal_rank, "possible"),
    "AP": _Kind(_average_precision, "possible"),
    "nDCG": _Kind(_ndcg, "possible"),
    "Rprec": _Kind(_r_precision, "impossible"),
}
_ALIASES = {"MRR": "RR", "MAP": "AP", "NDCG": "nDCG", "RPrec": "Rprec", "Recall": "R", "Precision": "P"}
_NAMES = "P@k, R@k, Success@k, RR, RR@k, AP, AP@k, nDCG, nDCG@k, Rprec (MRR and MAP are RR and AP)"


def _parse(name: str) -> Measure:
    match = re.fullmatch(r"([A-Za-z]+)(?:@([1-9][0-9]{0,8}))?", name)
    kind = _ALIASES.get(match[1], match[1]) if match else ""
    cutoff = int(match[2]) if match and match[2] else None
    allowed = _KINDS[kind].cutoff if kind in _KINDS else None
    if allowed is None or allowed == ("needed" if cutoff is None else "impossible"):
        raise EvaluationError(f"unknown measure {name!r}; choose from {_NAMES}, k a whole number from 1")
    return Measure(kind, cutoff)
