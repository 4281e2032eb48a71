"""Why is this picture an answer? The share of each term and channel, the words that match, and where it looks so."""

from collections.abc import Callable
from dataclasses import dataclass

from search_app.datatypes import Channel
from search_app.index.base import IndexReader
from search_app.search.asking import Asked, mixture
from search_app.search.background import Background
from search_app.search.heat_map import HeatMap, PictureParts, heat_of
from search_app.search.pool import pool_of, tiers
from search_app.search.query import Term
from search_app.search.ranked import Ranker
from search_app.search.results import shortest
from search_app.words.matching import MatchedWord, SentenceVectors, match_words


@dataclass(frozen=True, slots=True)
class TermShare:
    """What one term of the query says for the picture; below 0 where it speaks against it."""

    term: Term
    evidence: dict[Channel, float]


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything that brought one picture to its place."""

    id: int
    score: float
    relevance: float
    terms: tuple[TermShare, ...]
    words: tuple[MatchedWord, ...]
    """Lines that have words of the query, or mean the same."""
    heat: HeatMap | None
    """None where the query has nothing to look for in the picture itself."""


@dataclass(frozen=True, slots=True)
class Explaining:
    """What an explanation is made with, in one generation of the index."""

    reader: IndexReader
    background: Background
    model: str
    lines: SentenceVectors | None
    """Compares printed lines by meaning; None without a model for it."""

    def explain(self, asked: Asked, number: int, parts: Callable[[], PictureParts]) -> Explanation:
        """Explain picture `number`, which exists; `parts` looks at its windows and is called only where needed."""
        whole = next(tiers(self.reader, asked.questions, ()))
        pool = pool_of(self.reader, asked.questions, [number])
        ranker = Ranker(asked, self.background, self.model, whole)
        ranked, says = ranker.rank(pool), ranker.evidence.by_term(pool)
        words = self.reader.words([number]).get(number) if asked.printed else None
        seen = mixture(asked)[1] if any(each.channel == "image" and each.speaks for each in asked.questions) else None
        return Explanation(
            id=number,
            score=shortest(ranked.scores[0]) if len(ranked.ids) else 1.0,
            relevance=round(float(ranked.relevance[0]), 4) if len(ranked.ids) else 1.0,
            terms=tuple(
                TermShare(
                    term, {name: round(float(each[0]), 3) for (owner, name), each in says.items() if owner == position}
                )
                for position, term in enumerate(asked.terms)
            ),
            words=match_words(asked.printed, words, self.lines) if words is not None else (),
            heat=None if seen is None else heat_of(parts(), seen),
        )
