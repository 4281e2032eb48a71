"""Checks that stand before every engine: one malformed vector can destroy an embedded shard."""

import math
from collections.abc import Collection, Sequence

import numpy as np

from search_app.datatypes import (
    COLOURS,
    Condition,
    FloatMatrix,
    FloatVector,
    Manifest,
    Picture,
    Point,
    SparseVector,
    VectorQuery,
    WholePoint,
    WordsPoint,
)
from search_app.index.clauses import Clause
from search_app.index.conditions import EXACT, META_NAME, counted_key, resolve
from search_app.index.dates import span_of
from search_app.index.payload import is_unicode

NORM_TOLERANCE = 1e-3
HIGHEST_ID = 2**63 - 1


def check_points(points: Sequence[Point], dim: int) -> FloatMatrix:
    """The vectors as float32 (n, dim), after checking ids and vectors.

    Raises `ValueError` that names the first bad point: id below 1 or twice in the batch, wrong
    dimension, not finite, not of unit length within 1e-3.
    """
    seen: set[int] = set()
    for point in points:
        _check_id(point.id)
        if point.id in seen:
            raise ValueError(f"point {point.id} ({point.picture.path!r}) is twice in the batch")
        seen.add(point.id)
    check_pictures([point.picture for point in points])
    return _unit_rows([point.vector for point in points], dim, [f"{p.id} ({p.picture.path!r})" for p in points])


def check_pictures(pictures: Sequence[Picture]) -> None:
    """Raise `ValueError` that names the first picture with something that no engine stores or filters by."""
    for picture in pictures:
        if picture.taken:
            span_of(picture.taken)
        if not set(picture.colours) <= set(COLOURS):
            raise ValueError(f"{picture.path!r} has colours {picture.colours}: known are {', '.join(COLOURS)}")
        for name, value in picture.meta.items():
            if not META_NAME.fullmatch(name) or not _is_meta_value(value):
                raise ValueError(f"{picture.path!r} has a metadata field {name!r} that is no field or value: {value!r}")


def _is_meta_value(value: object) -> bool:
    if isinstance(value, tuple):
        return all(isinstance(item, str) and is_unicode(item) for item in value)
    if isinstance(value, str):
        return is_unicode(value)
    return isinstance(value, int | float) and math.isfinite(value) and (isinstance(value, float) or abs(value) <= EXACT)


def check_facet(
    field: str, where: Sequence[Condition], among: Sequence[int] | None, limit: int
) -> tuple[str, tuple[Clause, ...], list[int] | None]:
    """The field of the payload to count by and what to count among, as plain values; raises `ValueError`."""
    if limit < 0:
        raise ValueError(f"limit {limit} cannot be negative")
    return counted_key(field), resolve(where), None if among is None else check_ids(among)


def check_words(points: Sequence[WordsPoint], dim: int) -> None:
    """Raise `ValueError` that names the first point whose id, dense or sparse vector is malformed.

    `dim` is that of the vectors by meaning; 0 where the collection has no room for words.
    """
    if points and not dim:
        raise ValueError("this collection has no room for words: call `open_words` first")
    check_ids([point.id for point in points])
    if len({point.id for point in points}) != len(points):
        raise ValueError("a point is twice in the batch")
    dense = [point for point in points if point.meaning is not None]
    _unit_rows([point.meaning for point in dense if point.meaning is not None], dim, [str(p.id) for p in dense])
    for point in points:
        _check_sparse(point.form, f"of point {point.id}")


def check_whole(points: Sequence[WholePoint], dim: int, words_dim: int) -> FloatMatrix:
    """The vectors of whole points as float32 (n, dim), after what `check_points` and `check_words` check."""
    for point in points:
        if point.words is not None and point.words.id != point.id:
            raise ValueError(f"point {point.id} ({point.picture.path!r}) has the words of point {point.words.id}")
    rows = check_points([Point(point.id, point.vector, point.picture) for point in points], dim)
    check_words([point.words for point in points if point.words is not None], words_dim)
    return rows


def check_queries(queries: Sequence[VectorQuery], manifest: Manifest) -> None:
    """Raise `ValueError` for a query its channel cannot answer: wrong shape, not of unit length, negative range.

    The same for a condition that is malformed.
    """
    for number, query in enumerate(queries):
        resolve(query.where)
        if query.limit < 0 or query.offset < 0:
            raise ValueError(f"query {number}: limit {query.limit} and offset {query.offset} cannot be negative")
        if query.channel != "image" and not manifest.words_dim:
            raise ValueError(f"query {number}: collection {manifest.collection!r} holds no words to search")
        name = f"of query {number}"
        if isinstance(query.vector, SparseVector) != (query.channel == "form"):
            raise ValueError(f"query {number}: channel {query.channel} takes a {_kind(query.channel)} vector")
        if isinstance(query.vector, SparseVector):
            _check_sparse(query.vector, name)
        else:
            _unit_rows([query.vector], manifest.dim if query.channel == "image" else manifest.words_dim, [name])


def _kind(channel: str) -> str:
    return "sparse" if channel == "form" else "dense"


def _check_sparse(vector: SparseVector, name: str) -> None:
    indices, values = vector.indices, vector.values
    if indices.ndim != 1 or indices.shape != values.shape:
        raise ValueError(f"the sparse vector {name} has {indices.shape} indices and {values.shape} values")
    if indices.dtype != np.uint32 or not np.issubdtype(values.dtype, np.floating):
        raise ValueError(f"the sparse vector {name} needs uint32 indices and floating values")
    if len(np.unique(indices)) != len(indices):
        raise ValueError(f"the sparse vector {name} has an index twice")
    if not np.isfinite(values.astype(np.float32)).all():
        raise ValueError(f"the sparse vector {name} has a value that is not finite")


def check_existing(ids: Collection[int], found: Collection[int]) -> None:
    """Raise `ValueError` for the smallest id that is to be updated and was not found."""
    missing = sorted({*ids}.difference(found))
    if missing:
        raise ValueError(f"no point has id {missing[0]}: only existing pictures can be updated")


def check_ids(ids: Sequence[int]) -> list[int]:
    """The ids without repetition, in their order; raises `ValueError` for one that no point can have."""
    for number in ids:
        _check_id(number)
    return list(dict.fromkeys(int(number) for number in ids))


def _check_id(number: int) -> None:
    if isinstance(number, bool) or not isinstance(number, int | np.integer) or not 1 <= number <= HIGHEST_ID:
        raise ValueError(f"{number!r} is not a point id: ids are integers from 1 to {HIGHEST_ID}")


def _unit_rows(vectors: Sequence[FloatVector], dim: int, names: Sequence[str]) -> FloatMatrix:
    for vector, name in zip(vectors, names, strict=True):
        if np.shape(vector) != (dim,):
            raise ValueError(f"the vector of point {name} has shape {np.shape(vector)}, this collection has ({dim},)")
    if not vectors:
        return np.empty((0, dim), np.float32)
    rows = np.asarray(vectors, dtype=np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        norms = np.linalg.norm(rows.astype(np.float64), axis=1)
        bad = np.flatnonzero(~(np.abs(norms - 1.0) <= NORM_TOLERANCE))
    if bad.size:
        first = int(bad[0])
        problem = "is not finite" if not np.isfinite(rows[first]).all() else f"has length {norms[first]:.4f}, not 1"
        raise ValueError(f"the vector of point {names[first]} {problem}")
    return rows
