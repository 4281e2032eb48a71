"""Pictures with what is known about them from their scores, in order: evidence, relevance and the raw score."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search_app.datatypes import Channel, SparseVector
from search_app.search.asking import Asked, mixture
from search_app.search.background import Background
from search_app.search.fusion import WEIGHTS, Scores, dense_evidence, form_evidence
from search_app.search.pool import Pool, Question
from search_app.search.relevance import Signs, calibration
from search_app.words.tokens import singular, telling_terms

_CHANNELS: tuple[Channel, ...] = ("image", "meaning", "form")


@dataclass(frozen=True, slots=True, eq=False)
class Ranked:
    """Pictures, best first; every array has one entry a picture."""

    ids: NDArray[np.int64]
    scores: Scores
    """Cosine similarity to the query: to the weighted sum of its terms where it has several."""
    relevance: Scores
    total: Scores
    """The evidence of all channels together: what the order follows."""
    evidence: dict[Channel, Scores]
    """What each channel says; below 0 where it speaks for a term that is to be left out."""

    def take(self, kept: NDArray[np.bool_] | NDArray[np.intp]) -> "Ranked":
        """Some of them, in the order that is given."""
        evidence = {channel: values[kept] for channel, values in self.evidence.items()}
        return Ranked(self.ids[kept], self.scores[kept], self.relevance[kept], self.total[kept], evidence)

    def then(self, other: "Ranked") -> "Ranked":
        """These, and the others behind them."""
        evidence = {name: np.concatenate([self.evidence[name], other.evidence[name]]) for name in self.evidence}
        pairs = ((getattr(self, name), getattr(other, name)) for name in ("ids", "scores", "relevance", "total"))
        ids, scores, relevance, total = (np.concatenate(pair) for pair in pairs)
        return Ranked(ids, scores, relevance, total, evidence)


class Ranker:
    """Ranks the pools of one query.

    What relevance means is decided by `whole`, the best pictures of the collection without any filter: what is best
    among the few that pass a filter need not be relevant.
    """

    def __init__(self, asked: Asked, background: Background, model: str, whole: Pool) -> None:
        self._asked, self._background = asked, background
        self._calibration = calibration(asked.kind, model)
        self.evidence = Evidence(asked, background)
        whole = whole.without(asked.itself)
        self._best = float(self._total(self.evidence.by_channel(whole)).max(initial=0.0))
        self._signs = self._signs_of(whole)
        self._least = 1.0

    def rank(self, pool: Pool) -> Ranked:
        """The pictures of a pool, best first, ties by smaller id, without those that were asked about."""
        pool = pool.without(self._asked.itself)
        evidence = self.evidence.by_channel(pool)
        total = self._total(evidence)
        # A later pool stands behind an earlier one, whatever single pictures in it would deserve.
        relevance = np.minimum(self._calibration.relevance(total, self._best, self._signs), self._least)
        self._least = float(relevance.min(initial=self._least))
        everything = Ranked(pool.ids, cosines(self._asked, pool), relevance, total, evidence)
        return everything.take(np.lexsort((pool.ids, -total)))

    def _total(self, evidence: dict[Channel, Scores]) -> Scores:
        positive = sum(term.weight for term in self._asked.terms if term.weight > 0)
        total: Scores = np.sum([*evidence.values()], axis=0) / positive
        return total

    def _signs_of(self, pool: Pool) -> Signs:
        """Of the parts that are in words."""
        nearest = {"image": 0.0, "meaning": 0.0, "form": 0.0}
        for question, scores in zip(self._asked.questions, pool.scores, strict=True):
            term = self._asked.terms[question.term]
            if term.kind == "text" and term.weight > 0 and len(scores) and not np.isnan(scores).all():
                nearest[question.channel] = max(nearest[question.channel], float(np.nanmax(scores)))
        background = self._background
        printed = background.size("meaning") / background.count if background.count else 0.0
        return Signs(unknown_share(self._asked.printed, background), nearest["meaning"], nearest["image"], printed)


class Evidence:
    """What the channels say for the pictures of a pool; what a question needs of the sample is worked out once."""

    def __init__(self, asked: Asked, background: Background) -> None:
        self._asked = asked
        self._says = [_speaker(question, background) for question in asked.questions]

    def by_term(self, pool: Pool) -> dict[tuple[int, Channel], Scores]:
        """What each channel says for each term, times the weight of the term."""
        return {
            (question.term, question.channel): self._asked.terms[question.term].weight * says(scores)
            for question, says, scores in zip(self._asked.questions, self._says, pool.scores, strict=True)
            if says is not None
        }

    def by_channel(self, pool: Pool) -> dict[Channel, Scores]:
        """What each channel says for all terms together."""
        by_term = self.by_term(pool)
        nothing = np.zeros(len(pool.ids))
        return {
            channel: np.sum([nothing, *(says for (_, name), says in by_term.items() if name == channel)], axis=0)
            for channel in _CHANNELS
        }


def _speaker(question: Question, background: Background) -> Callable[[Scores], Scores] | None:
    """From scores of a question to evidence; None where its scores do not count."""
    if not question.speaks:
        return None
    if question.channel == "form" or isinstance(question.vector, SparseVector):
        return form_evidence
    standing = background.standing(question.channel, question.vector)
    voice = WEIGHTS.image if question.channel == "image" else WEIGHTS.meaning
    size = background.size(question.channel)
    return lambda scores: dense_evidence(standing(scores), voice, size)


def cosines(asked: Asked, pool: Pool) -> Scores:
    """Cosine of each picture to the normalised sum of the weighted terms, from its cosines to each of them.

    0 where the terms cancel each other.
    """
    parts, _ = mixture(asked)
    if len(parts) == 1:  # as the engine gives it, to the last digit
        single: Scores = pool.scores[parts[0][0]] * np.sign(parts[0][1])
        return single
    nothing = np.zeros(len(pool.ids))
    total: Scores = np.sum([nothing, *(weight * pool.scores[number] for number, weight in parts)], axis=0)
    return total


def unknown_share(text: str, background: Background) -> float:
    """The share of a text, by what its terms tell, that is printed on no picture of the sample; 0 without a text.

    A term counts as printed where its singular or its plural is; function words count where there is nothing else.
    """
    rarities = {term: background.rarity(term) for term in map(singular, telling_terms(text))}
    unknown = sum(rarity for term, rarity in rarities.items() if term not in background.frequencies)
    return unknown / sum(rarities.values()) if rarities and background.documents else 0.0
