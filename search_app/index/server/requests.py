"""Questions and points in the forms that `qdrant_client` takes; nothing here talks to a server."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from qdrant_client import models

from search_app.datatypes import SparseVector, VectorQuery, WordsPoint
from search_app.index import graph
from search_app.index.conditions import resolve
from search_app.index.fields import FORM, MEANING, WORDS
from search_app.index.profile import Profile, Vectors
from search_app.index.server.conditions import filter_of

BRIEF = models.PayloadSelectorExclude(exclude=[WORDS])
"""The payload without the words, which may be a page of text."""


def word_channels(
    dim: int, vectors: Vectors
) -> Mapping[str, models.DenseVectorNameConfig | models.SparseVectorNameConfig]:
    """The channels of the words, by name; the server adds the IDF to the sparse one."""
    half = models.VectorStorageDatatype.FLOAT16 if vectors.datatype == "float16" else None
    meaning = models.DenseVectorConfig(size=dim, distance=models.Distance.COSINE, datatype=half)
    form = models.SparseVectorConfig(modifier=models.Modifier.IDF)
    return {
        MEANING: models.DenseVectorNameConfig(dense=meaning),
        FORM: models.SparseVectorNameConfig(sparse=form),
    }


def word_vectors(point: WordsPoint) -> models.PointVectors | None:
    """The vectors of a picture's words; None without any: an empty one would count in the server's statistics."""
    vectors: dict[str, Any] = {}
    if point.meaning is not None:
        vectors[MEANING] = np.asarray(point.meaning, np.float32).tolist()
    if point.form.indices.size:
        vectors[FORM] = _sparse(point.form)
    return models.PointVectors(id=point.id, vector=vectors) if vectors else None


def nearest(query: VectorQuery, depth: int, profile: Profile) -> models.QueryRequest:
    """Ask for the best `depth` points."""
    vector = _sparse(query.vector) if isinstance(query.vector, SparseVector) else query.vector.tolist()
    return models.QueryRequest(
        query=vector,
        using=query.channel,
        limit=depth,
        filter=filter_of(resolve(query.where), query.among),
        params=models.SearchParams(
            hnsw_ef=profile.hnsw.ef,
            exact=query.exact,
            quantization=models.QuantizationSearchParams(
                ignore=query.exact, rescore=True, oversampling=graph.oversampling(depth, profile.quantization.rescored)
            ),
        ),
        with_payload=False,
        with_vector=False,
    )


def _sparse(vector: SparseVector) -> models.SparseVector:
    return models.SparseVector(indices=vector.indices.tolist(), values=np.asarray(vector.values, np.float32).tolist())
