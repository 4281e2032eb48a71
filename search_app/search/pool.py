"""Which pictures are looked at closely, and what each channel of each term says of them.

Every channel names its best; all of those form a tier, and each of them is scored in every channel. The next tier is
four times as deep, without those that were there: an order made tier by tier never changes when more of it is asked.
"""

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search_app.datatypes import Channel, Condition, FloatVector, Neighbours, SparseVector, VectorQuery
from search_app.index.base import IndexReader
from search_app.search.fusion import Scores

FIRST_TIER = 256
_GROWTH = 4


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """One channel of one term."""

    term: int
    """Number of the term it belongs to."""
    channel: Channel
    vector: FloatVector | SparseVector
    seeks: bool
    """Whether it names pictures of its own; terms to leave out only score those of others."""
    speaks: bool = True
    """False: its scores are told and do not count for the order."""


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """Pictures and their scores."""

    ids: NDArray[np.int64]
    """Shape (n,), ascending."""
    scores: Scores
    """Shape (questions, n); NaN where a picture lacks a dense channel, 0 where no word matches by form."""

    def without(self, ids: AbstractSet[int]) -> "Pool":
        """The same but for some pictures."""
        kept = ~np.isin(self.ids, [*ids])
        return Pool(self.ids[kept], self.scores[:, kept])


def tiers(reader: IndexReader, questions: Sequence[Question], where: tuple[Condition, ...]) -> Iterator[Pool]:
    """Pools, best first and without repetition, until every picture that can be found was in one."""
    seen = np.empty(0, np.int64)
    size = FIRST_TIER
    while True:
        found = _best(reader, questions, where, size)
        ids = np.setdiff1d(np.concatenate([each.ids for each in found.values()]), seen)
        yield Pool(ids, _scores(reader, questions, found, ids, size))
        if all(len(each.ids) < size for each in found.values()):
            return
        seen, size = np.union1d(seen, ids), size * _GROWTH


def pool_of(reader: IndexReader, questions: Sequence[Question], ids: Sequence[int]) -> Pool:
    """The scores of given pictures; those that do not exist score nothing."""
    rows = np.unique(np.array(ids, np.int64))
    return Pool(rows, _scores(reader, questions, {}, rows, 0))


def _best(
    reader: IndexReader, questions: Sequence[Question], where: tuple[Condition, ...], size: int
) -> dict[int, Neighbours]:
    """The best of each question that seeks, by its number."""
    seeking = [number for number, question in enumerate(questions) if question.seeks]
    asked = [
        VectorQuery(questions[number].vector, size, channel=questions[number].channel, where=where)
        for number in seeking
    ]
    return dict(zip(seeking, reader.search(asked), strict=True))


def _scores(
    reader: IndexReader, questions: Sequence[Question], found: dict[int, Neighbours], ids: NDArray[np.int64], size: int
) -> Scores:
    scores = np.full((len(questions), len(ids)), np.nan)
    for number, question in enumerate(questions):
        if question.channel == "form":
            scores[number] = 0.0
        if number in found:
            _fill(scores[number], ids, found[number])
    missing = {
        number: ids[~np.isin(ids, found[number].ids)] if number in found else ids
        for number in range(len(questions))
        # A channel that named fewer than it may has named all it has.
        if number not in found or len(found[number].ids) == size
    }
    asked = [(number, rest) for number, rest in missing.items() if len(rest)]
    answers = reader.search([_among(questions[number], rest) for number, rest in asked]) if asked else []
    for (number, _), answer in zip(asked, answers, strict=True):
        _fill(scores[number], ids, answer)
    return scores


def _among(question: Question, ids: NDArray[np.int64]) -> VectorQuery:
    some = tuple(ids.tolist())
    return VectorQuery(question.vector, len(some), exact=True, channel=question.channel, among=some)


def _fill(row: Scores, ids: NDArray[np.int64], found: Neighbours) -> None:
    places = np.searchsorted(ids, found.ids)
    inside = places < len(ids)
    inside[inside] = ids[places[inside]] == found.ids[inside]
    row[places[inside]] = found.scores[inside]
