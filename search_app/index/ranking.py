"""Order of answers, the same on every engine: score downwards, then id upwards.

Engines return ties in an order of their own. So that the same picture does not stand on two pages, more
neighbours are asked for than wanted until no tie crosses the end of the page.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from search_app.datatypes import Neighbours, VectorQuery

Scored: TypeAlias = tuple[NDArray[np.int64], NDArray[np.float32]]
"""Ids and scores of one query, best first, ties in any order."""
Ask: TypeAlias = Callable[[Sequence[tuple[VectorQuery, int]]], Sequence[Scored]]
"""Asks the engine for the best N of each query, from the first on."""
_MORE = 8
_GROWTH = 4


def answer(queries: Sequence[VectorQuery], ask: Ask) -> list[Neighbours]:
    """Answer queries in their order, asking again only for those whose page ends inside a tie."""
    answers = [_EMPTY] * len(queries)
    waiting = [(number, query.offset + query.limit + _MORE) for number, query in enumerate(queries) if query.limit]
    while waiting:
        replies = ask([(queries[number], depth) for number, depth in waiting])
        again = []
        for (number, depth), (ids, scores) in zip(waiting, replies, strict=True):
            query = queries[number]
            if len(ids) == depth and scores[-1] == scores[query.offset + query.limit - 1]:
                again.append((number, depth * _GROWTH))
            else:
                answers[number] = page(query, ids, scores)
        waiting = again
    return answers


def page(query: VectorQuery, ids: NDArray[np.int64], scores: NDArray[np.float32]) -> Neighbours:
    """The part of the candidates that `query` asks for, in the product's order.

    `min_score` is compared in single precision, so that a score read from an answer can be used as one.
    """
    if query.min_score is not None:
        enough = scores >= np.float32(query.min_score)
        ids, scores = ids[enough], scores[enough]
    order = np.lexsort((ids, -scores))[query.offset : query.offset + query.limit]
    return Neighbours(ids[order], scores[order])


_EMPTY = Neighbours(np.empty(0, np.int64), np.empty(0, np.float32))
