"""BM25 (Robertson and Zaragoza 2009), at once over documents in memory and as sparse vectors for an engine.

The two agree: the dot product of `sparse_query` and `sparse_document`, in which the engine weighs each term by its
IDF, ln((N - df + 0.5) / (df + 0.5) + 1), is the score of `Bm25` with the same average length.
"""

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2s
from itertools import chain, pairwise

import numpy as np
from numpy.typing import NDArray

from search_app.datatypes import SparseVector
from search_app.words.tokens import tokenize

K1 = 1.2
"""How soon more of the same term stops counting."""
B = 0.75
"""How much the length of a document counts, 0 to 1."""
AVERAGE_LENGTH = 30.0
"""Terms a document, for engines, which cannot know the collection's."""
FORM_VERSION = f"bm25-1 {K1} {B} {AVERAGE_LENGTH}"
"""Changes whenever sparse vectors would: the number grows with `tokenize` and with what is done here."""


class Bm25:
    """The documents of one collection; an empty one is never found and counts for nothing."""

    def __init__(self, documents: Sequence[str], *, average_length: float | None = None) -> None:
        """Count the terms; without an `average_length` it is that of the documents that have any."""
        terms = [tokenize(text) for text in documents]
        lengths = [len(each) for each in terms if each]
        average = average_length or (sum(lengths) / len(lengths) if lengths else 1.0)
        vectors = [_weights(each, average) for each in terms]
        self._size = len(terms)
        self._postings = _postings(vectors)
        self._filled = len(lengths)

    def scores(self, query: str) -> NDArray[np.float64]:
        """The score of each document, shape (n,); 0 where it has no term of the query."""
        scores = np.zeros(self._size)
        for term, weight in _query_weights(query).items():
            if term in self._postings:
                rows, values = self._postings[term]
                idf = np.log((self._filled - len(rows) + 0.5) / (len(rows) + 0.5) + 1)
                scores[rows] += idf * weight * values
        return scores


def sparse_document(text: str) -> SparseVector:
    """The term weights of a document without their IDF; empty where it has no term."""
    return _sparse(_weights(tokenize(text), AVERAGE_LENGTH))


def sparse_query(text: str) -> SparseVector:
    """A weight for each term of a query; empty where it has no term."""
    return _sparse(_query_weights(text))


@lru_cache(maxsize=65536)
def term_id(term: str) -> int:
    """The coordinate of a term: 32 bits of its BLAKE2s, the same on every machine and in every version."""
    return int.from_bytes(blake2s(term.encode(), digest_size=4).digest(), "little")


def _weights(terms: Sequence[str], average_length: float) -> dict[int, float]:
    length = K1 * (1 - B + B * len(terms) / average_length)
    return {term: count * (K1 + 1) / (count + length) for term, count in Counter(map(term_id, terms)).items()}


def _query_weights(text: str) -> dict[int, float]:
    return {term: float(count) for term, count in Counter(map(term_id, tokenize(text))).items()}


def _postings(
    vectors: Sequence[dict[int, float]],
) -> dict[int, tuple[NDArray[np.int64], NDArray[np.float64]]]:
    terms = np.fromiter(chain.from_iterable(vectors), np.int64)
    values = np.fromiter(chain.from_iterable(vector.values() for vector in vectors), np.float64)
    rows = np.repeat(np.arange(len(vectors)), [len(vector) for vector in vectors])
    order = np.argsort(terms, kind="stable")
    names, starts = np.unique(terms[order], return_index=True)
    bounds = [*starts.tolist(), len(terms)]
    parts = [order[start:end] for start, end in pairwise(bounds)]
    return {name: (rows[part], values[part]) for name, part in zip(names.tolist(), parts, strict=True)}


def _sparse(weights: dict[int, float]) -> SparseVector:
    kept = sorted(weights)
    return SparseVector(np.array(kept, np.uint32), np.array([weights[term] for term in kept], np.float32))
