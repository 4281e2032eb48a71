"""What any search has to beat: chance, and the printed words alone."""

import zlib
from collections.abc import Mapping, Sequence

import numpy as np

from search_app.evaluation.runner import Search
from search_app.evaluation.trec import Ranking
from search_app.words.bm25 import Bm25

RANDOM_DRAWS = 10
"""Random searches that are averaged: one alone is lucky here and unlucky there."""


def random_search(paths: Sequence[str], seed: int) -> Search:
    """All pictures in an order of chance; the same text has the same answer."""
    names = sorted(paths)

    def search(texts: Sequence[str], depth: int) -> list[Ranking]:
        return [_shuffled(names, text, depth, seed) for text in texts]

    return search


def words_search(documents: Mapping[str, str]) -> Search:
    """BM25 over the words printed in each picture (path to text); a picture without a word of the query is not found.

    Equal scores are in the order of the paths.
    """
    paths = sorted(documents)
    bm25 = Bm25([documents[path] for path in paths])

    def search(texts: Sequence[str], depth: int) -> list[Ranking]:
        rankings = []
        for text in texts:
            scores = bm25.scores(text)
            order = np.argsort(-scores, kind="stable")[: min(depth, int(np.count_nonzero(scores)))]
            rankings.append(Ranking([paths[place] for place in order.tolist()], scores[order]))
        return rankings

    return search


def _shuffled(names: Sequence[str], text: str, depth: int, seed: int) -> Ranking:
    random = np.random.default_rng([seed, zlib.crc32(text.encode("utf-8", "surrogateescape"))])
    scores = random.random(len(names))
    order = np.argsort(-scores)[:depth]
    return Ranking([names[place] for place in order.tolist()], scores[order])
