"""Splits for validating a head, and what it is judged by: precision, ranks, and answers kept."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from search_app.datatypes import FloatMatrix
from search_app.training.adapter.fit import Matrix, Rows

TOP = 10


def split(count: int, folds: int, seed: int) -> Rows:
    """A fold for each of `count` things, drawn at random, sizes equal within one."""
    return np.random.default_rng(seed).permutation(count) % folds


def split_groups(groups: Sequence[str], folds: int, seed: int) -> Rows:
    """A fold for each member, the same for all of one group."""
    names, members = np.unique(np.asarray(groups), return_inverse=True)
    return split(len(names), folds, seed)[members]


def each_fold(folds: Rows) -> Iterator[tuple[Rows, Rows]]:
    """For each fold what to learn from and what was left out; folds without members are passed over."""
    for fold in np.unique(folds):
        yield np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)


def average_precision(scores: FloatMatrix, relevance: NDArray[np.float32]) -> Matrix:
    """Of each query, shape (queries,); ties in the order of the columns, NaN where nothing is relevant."""
    order = np.argsort(-scores, axis=1, kind="stable")
    hits = np.take_along_axis(relevance, order, axis=1) > 0
    precision = np.cumsum(hits, axis=1) / np.arange(1, hits.shape[1] + 1)
    total = hits.sum(axis=1)
    mean: Matrix = np.divide((precision * hits).sum(axis=1), total, out=np.full(len(total), np.nan), where=total > 0)
    return mean


def held_out_precision(scores: FloatMatrix, relevance: NDArray[np.float32], seen: Rows) -> Matrix:
    """Average precision of each query on pictures that were left out; NaN where none of them is relevant.

    Where a query was learnt from pictures seen, only those left out are ranked: the others would be told apart by what
    was learnt by heart. Where nothing seen was relevant, all pictures are ranked: those seen may stand in the way of
    the others, as they would in use.

    Args:
        scores: (queries, pictures), of all pictures.
        relevance: (queries, pictures).
        seen: columns of the pictures that were learnt from.

    """
    learnt = np.flatnonzero(relevance[:, seen].any(axis=1))
    scores = scores.copy()
    scores[np.ix_(learnt, seen)] = -np.inf
    relevance = relevance.copy()
    relevance[:, seen] = 0
    return average_precision(scores, relevance)


def mean_where_known(values: Sequence[Matrix]) -> Matrix:
    """Mean over folds, each an array (queries,) with NaN where the fold says nothing; 0 where none does."""
    stacked = np.stack(values)
    known = ~np.isnan(stacked)
    mean: Matrix = np.nansum(stacked, axis=0) / np.maximum(known.sum(axis=0), 1)
    return mean


def ranks(scores: FloatMatrix, places: Rows) -> Rows:
    """Rank of one picture for each query, from 1; `places` are its columns, ties in the order of the columns."""
    own = scores[np.arange(len(places)), places][:, None]
    before = (scores > own) | ((scores == own) & (np.arange(scores.shape[1]) < places[:, None]))
    found: Rows = 1 + np.count_nonzero(before, axis=1).astype(np.int64)
    return found


def kept_answers(scores: FloatMatrix, base: FloatMatrix) -> Matrix:
    """Share of the base's first ten that are among the first ten still, for each query, shape (queries,)."""
    shared = _first(scores) & _first(base)
    share: Matrix = shared.sum(axis=1) / min(TOP, scores.shape[1])
    return share


def _first(scores: FloatMatrix) -> NDArray[np.bool_]:
    count = min(TOP, scores.shape[1])
    found = np.zeros(scores.shape, bool)
    np.put_along_axis(found, np.argpartition(-scores, count - 1, axis=1)[:, :count], values=True, axis=1)
    return found
