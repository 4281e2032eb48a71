"""What the exact index in memory holds, and what it answers by comparing everything."""

import math
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from search_app.datatypes import (
    FacetValue,
    FloatVector,
    Known,
    Manifest,
    Neighbours,
    Picture,
    SparseVector,
    VectorQuery,
    WholePoint,
    WordsPoint,
)
from search_app.index.clauses import Clause, passes, values_at
from search_app.index.conditions import resolve
from search_app.index.fields import HAS_WORDS, NO
from search_app.index.manifest import Record
from search_app.index.payload import to_payload, words_to_payload
from search_app.index.ranking import Scored, page
from search_app.index.validate import check_queries


@dataclass(frozen=True, slots=True)
class Generation:
    """One commit: what readers see."""

    record: Record
    pictures: dict[int, Picture]
    vectors: dict[int, FloatVector]
    words: dict[int, WordsPoint]

    def known(self, number: int) -> Known:
        """What is kept about one picture."""
        read_by = self.record.manifest.words_fingerprint if number in self.words else ""
        return Known(number, self.pictures[number], read_by)

    def scan(self) -> Iterator[Known]:
        """Every picture in id order."""
        return (self.known(number) for number in self.vectors)

    @property
    def manifest(self) -> Manifest:
        """Of this commit."""
        return self.record.manifest

    def points(self, after: int = 0) -> Iterator[WholePoint]:
        """Every point above id `after`, in id order."""
        return (
            WholePoint(number, vector, self.pictures[number], self.words.get(number))
            for number, vector in self.vectors.items()
            if number > after
        )

    def search(self, queries: Sequence[VectorQuery]) -> list[Neighbours]:
        """Compare with every vector."""
        check_queries(queries, self.record.manifest)
        return [page(query, *self.score(query)) for query in queries]

    def score(self, query: VectorQuery) -> Scored:
        """Every picture that can be compared, in id order."""
        if isinstance(query.vector, SparseVector):
            scores = self._bm25(query.vector)
        else:
            unit = query.vector / np.linalg.norm(query.vector)
            scores = {number: float(row @ unit) for number, row in self.dense(query.channel).items()}
        ids = self.chosen(sorted(scores), resolve(query.where), query.among)
        return np.array(ids, np.int64), np.array([scores[number] for number in ids], np.float32)

    def chosen(self, ids: Sequence[int], clauses: Sequence[Clause], among: Sequence[int] | None) -> list[int]:
        """Those of the ids that pass all clauses and are in `among`."""
        wanted = None if among is None else set(among)
        return [
            number
            for number in ids
            if (wanted is None or number in wanted) and (not clauses or passes(self.payload(number), clauses))
        ]

    def payload(self, number: int) -> dict[str, Any]:
        """As an engine would hold it."""
        words = words_to_payload(self.words[number].words, "") if number in self.words else {}
        return to_payload(self.pictures[number]) | words

    def facet(self, key: str, ids: Sequence[int]) -> list[tuple[FacetValue, int]]:
        """How many of the ids have each value; most first, then by value."""
        payloads = (self.payload(number) for number in ids)
        if key == HAS_WORDS:
            counts = Counter(payload.get(key, NO) for payload in payloads)
        else:
            counts = Counter(value for payload in payloads for value in values_at(payload, key))
        return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))

    def dense(self, channel: str) -> dict[int, FloatVector]:
        """The vectors of a dense channel."""
        if channel == "image":
            return self.vectors
        return {number: words.meaning for number, words in self.words.items() if words.meaning is not None}

    def _bm25(self, query: SparseVector) -> dict[int, float]:
        """Dot products in which each term of the query counts by its IDF, as Qdrant's modifier does."""
        documents = {
            number: dict(zip(words.form.indices.tolist(), words.form.values.tolist(), strict=True))
            for number, words in self.words.items()
            if words.form.indices.size
        }
        scores: dict[int, float] = {}
        for term, weight in zip(query.indices.tolist(), query.values.tolist(), strict=True):
            found = {number: terms[term] for number, terms in documents.items() if term in terms}
            idf = math.log((len(documents) - len(found) + 0.5) / (len(found) + 0.5) + 1)
            for number, value in found.items():
                scores[number] = scores.get(number, 0.0) + idf * weight * value
        return scores


@dataclass(slots=True)
class Draft:
    """What the writer changes; becomes a `Generation` by a commit."""

    record: Record
    pictures: dict[int, Picture] = field(default_factory=dict)
    vectors: dict[int, FloatVector] = field(default_factory=dict)
    words: dict[int, WordsPoint] = field(default_factory=dict)
    changed: bool = False

    def generation(self) -> Generation:
        """What readers see of it from now on."""
        vectors = dict(sorted(self.vectors.items()))
        return Generation(self.record, dict(self.pictures), vectors, dict(self.words))


class Commits:
    """What there is of one collection: what was committed last, what is worked on, and whether somebody does."""

    def __init__(self, collection: str) -> None:
        self.collection = collection
        self.committed: Generation | None = None
        self.draft: Draft | None = None
        self.writing = threading.Lock()
