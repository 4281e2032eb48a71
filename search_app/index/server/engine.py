"""A Qdrant server's operations as the index needs them.

The server holds physical collections `NAME__000001`, `NAME__000002`, ... and the alias `NAME` for the one that
readers answer from. Point 0 of a physical collection has no vector and carries the manifest, so that the alias
moves both at once and every server version can store it.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

import numpy as np
from qdrant_client import models

from search_app.datatypes import DenseChannel, FacetValue, FloatMatrix, FloatVector, Neighbours, VectorQuery, WordsPoint
from search_app.errors import IndexDamaged, VectorIndexError
from search_app.index.clauses import Clause
from search_app.index.conditions import yes_or_no
from search_app.index.fields import FORM, HAS_WORDS, IMAGE, MEANING, WORDS_FIELDS, meta_indexes, with_has_words
from search_app.index.ranking import Scored, answer
from search_app.index.server import requests
from search_app.index.server.collections import ServerCollections
from search_app.index.server.conditions import filter_of
from search_app.index.server.errors import lacks_index

MANIFEST_ID = 0
_PAGE = 1000

Item = TypeVar("Item")


class ServerEngine(ServerCollections):
    """The points of collections too."""

    def read_head(self, name: str) -> dict[str, Any] | None:
        """The payload of point 0."""
        return dict(self.fetch(name, [MANIFEST_ID])).get(MANIFEST_ID)

    def write_head(self, name: str, payload: Mapping[str, Any]) -> None:
        """Replace the payload of point 0, making the point where it is missing."""
        head = models.PointStruct(id=MANIFEST_ID, vector={}, payload=dict(payload))
        self._do(lambda: self._client.upsert(name, [head], wait=True))

    def renew_head(self, name: str, token: str, payload: Mapping[str, Any]) -> None:
        """Change the payload of point 0 where its `token` is this one, in one step; else nothing happens."""
        ours = models.FieldCondition(key="token", match=models.MatchValue(value=token))
        only = models.Filter(must=[models.HasIdCondition(has_id=[MANIFEST_ID]), ours])
        self._do(lambda: self._client.set_payload(name, dict(payload), points=only, wait=True))

    def upsert(self, name: str, ids: list[int], vectors: FloatMatrix, payloads: list[dict[str, Any]]) -> None:
        """Add or replace points that were validated."""
        self._index_meta(name, payloads)
        batch = models.Batch(ids=[*ids], vectors={IMAGE: vectors.tolist()}, payloads=payloads)
        self._do(lambda: self._client.upsert(name, batch, wait=True))

    def write(self, name: str, points: Sequence[models.PointStruct]) -> None:
        """Add or replace whole points that were validated."""
        self._index_meta(name, [point.payload or {} for point in points])
        self._do(lambda: self._client.upsert(name, [*points], wait=True))

    def update_payloads(self, name: str, payloads: list[tuple[int, dict[str, Any]]]) -> None:
        """Replace the payloads of existing points but for the words."""
        self._index_meta(name, [payload for _, payload in payloads])
        for some in _pages(payloads):
            words = self.words(name, [number for number, _ in some])
            operations: list[Any] = [
                models.OverwritePayloadOperation(
                    overwrite_payload=models.SetPayload(
                        payload=payload | with_has_words(words.get(number, {})), points=[number]
                    )
                )
                for number, payload in some
            ]
            self._do(partial(self._client.batch_update_points, name, operations, wait=True))

    def _index_meta(self, name: str, payloads: Sequence[dict[str, Any]]) -> None:
        for payload in payloads:
            self._index(name, meta_indexes(payload))

    def open_words(self, name: str, dim: int) -> None:
        """Make empty channels for words; words that were there are dropped."""
        self._do(partial(self._client.delete_payload, name, [*WORDS_FIELDS], models.Filter(), wait=True))
        for channel, config in requests.word_channels(dim, self.profile.vectors).items():
            self._do(partial(self._delete_channel, name, channel))
            self._make(partial(self._client.create_vector_name, name, channel, config, wait=True))

    def _delete_channel(self, name: str, channel: str) -> None:
        parts = self._client.get_collection(name).config.params
        if channel in {**_named(parts.vectors), **_named(parts.sparse_vectors)}:
            self._client.delete_vector_name(name, channel, wait=True)

    def update_words(self, name: str, points: Sequence[WordsPoint], payloads: list[dict[str, Any]]) -> None:
        """Replace the words of existing points, vectors first: one that a crash leaves halfway counts as unread."""
        ids = models.PointIdsList(points=[point.id for point in points])
        self._do(partial(self._client.delete_payload, name, [*WORDS_FIELDS], ids, wait=True))
        self._do(partial(self._client.delete_vectors, name, [MEANING, FORM], ids, wait=True))
        vectors = [one for one in map(requests.word_vectors, points) if one is not None]
        if vectors:
            self._do(partial(self._client.update_vectors, name, vectors, wait=True))
        operations: list[Any] = [
            models.SetPayloadOperation(set_payload=models.SetPayload(payload=payload, points=[point.id]))
            for point, payload in zip(points, payloads, strict=True)
        ]
        self._do(partial(self._client.batch_update_points, name, operations, wait=True))

    def delete(self, name: str, ids: list[int]) -> None:
        """Remove points; unknown ids are ignored."""
        for some in _pages(ids):
            selector = models.PointIdsList(points=[*some])
            self._do(partial(self._client.delete, name, selector, wait=True))

    def fetch(self, name: str, ids: list[int]) -> list[tuple[int, dict[str, Any]]]:
        """The payload, without words, of each id that exists."""
        records = self._retrieve(name, ids, with_payload=requests.BRIEF, with_vectors=False)
        return [(int(record.id), record.payload or {}) for record in records]

    def words(self, name: str, ids: list[int]) -> dict[int, dict[str, Any]]:
        """The part of the payload that holds words, of each id that exists."""
        return self.parts(name, ids, WORDS_FIELDS)

    def vectors(self, name: str, ids: list[int], channel: DenseChannel) -> dict[int, FloatVector]:
        """The vector of each id that has one in the channel."""
        records = self._retrieve(name, ids, with_payload=False, with_vectors=[channel])
        vectors = {int(record.id): (record.vector or {}).get(channel) for record in records}
        return {number: np.array(vector, np.float32) for number, vector in vectors.items() if vector is not None}

    def existing(self, name: str, ids: list[int]) -> list[int]:
        """Those of the ids that exist."""
        return [int(record.id) for record in self._retrieve(name, ids, with_payload=False, with_vectors=False)]

    def parts(self, name: str, ids: list[int], keys: Sequence[str]) -> dict[int, dict[str, Any]]:
        """Some keys of the payload of each id that exists."""
        records = self._retrieve(name, ids, with_payload=[*keys], with_vectors=False)
        return {int(record.id): record.payload or {} for record in records}

    def _retrieve(self, name: str, ids: list[int], **wanted: Any) -> Iterator[Any]:
        for some in _pages(ids):
            yield from self._do(partial(self._client.retrieve, name, [*some], **wanted, **self._agreeing))

    def page(self, name: str, after: int) -> list[tuple[int, dict[str, Any]]]:
        """The next payloads above id `after`, in id order; empty at the end."""
        records, _ = self._do(
            lambda: self._client.scroll(
                name, offset=after + 1, limit=_PAGE, with_payload=requests.BRIEF, with_vectors=False, **self._agreeing
            )
        )
        return [(int(record.id), record.payload or {}) for record in records]

    def whole(self, name: str, after: int) -> list[Any]:
        """The next records above id `after` with all they hold, in id order; empty at the end."""
        some = partial(
            self._client.scroll,
            name,
            offset=after + 1,
            limit=_PAGE,
            with_payload=True,
            with_vectors=True,
            **self._agreeing,
        )
        return list(self._do(some)[0])

    def count(self, name: str) -> int:
        """How many pictures there are."""
        return int(self._do(lambda: self._client.count(name, exact=True)).count) - (self.read_head(name) is not None)

    def facet(
        self, name: str, key: str, clauses: tuple[Clause, ...], among: Sequence[int] | None, limit: int
    ) -> list[tuple[FacetValue, int]]:
        """How many pictures that pass have each value of a field; most first, then by value."""
        if key == HAS_WORDS:
            return yes_or_no(lambda more: self._count_where(name, (*clauses, *more), among))[:limit]
        chosen = filter_of(clauses, among)
        ask = partial(self._client.facet, name, key, facet_filter=chosen, limit=limit, exact=True, **self._agreeing)
        try:
            hits = self._do(ask).hits
        except VectorIndexError as error:
            if lacks_index(error):  # no picture has the field, or the collection was made by an older version
                return []
            raise
        return sorted(((hit.value, hit.count) for hit in hits if hit.count), key=lambda pair: (-pair[1], pair[0]))

    def _count_where(self, name: str, clauses: Sequence[Clause], among: Sequence[int] | None) -> int:
        chosen = filter_of(clauses, among, without=MANIFEST_ID)
        return int(self._do(partial(self._client.count, name, count_filter=chosen, exact=True)).count)

    def search(self, name: str, queries: Sequence[VectorQuery]) -> list[Neighbours]:
        """Answer queries in one request."""
        return answer(queries, lambda asked: self._nearest(name, asked))

    def _nearest(self, name: str, asked: Sequence[tuple[VectorQuery, int]]) -> list[Scored]:
        questions = [requests.nearest(query, depth, self.profile) for query, depth in asked]
        replies = self._do(lambda: self._client.query_batch_points(name, questions, **self._agreeing))
        if len(replies) != len(questions):
            raise IndexDamaged(f"{self.server} answered {len(replies)} of {len(questions)} queries")
        return [
            (np.array([hit.id for hit in r.points], np.int64), np.array([hit.score for hit in r.points], np.float32))
            for r in replies
        ]


def _pages(many: list[Item]) -> Iterator[list[Item]]:
    return (many[start : start + _PAGE] for start in range(0, len(many), _PAGE))


def _named(vectors: object) -> dict[str, object]:
    """The vectors of a collection's settings by name; there is a form of the settings that has none."""
    return dict(vectors) if isinstance(vectors, Mapping) else {}
