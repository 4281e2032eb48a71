"""A Qdrant server's operations as the index needs them.

The server holds physical collections `NAME__000001`, `NAME__000002`, ... and the alias `NAME` for the one that
readers answer from. Point 0 of a physical collection has no vector and carries the manifest, so that the alias
moves both at once and every server version can store it.
"""

import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urlsplit

import numpy as np
from qdrant_client import QdrantClient, models

from search_app.datatypes import DenseChannel, FloatMatrix, FloatVector, Neighbours, VectorQuery, WordsPoint
from search_app.errors import IndexDamaged
from search_app.index.fields import CONTENT_HASH, FORM, IMAGE, MEANING, PATH, WORDS_FIELDS
from search_app.index.ranking import Scored, answer
from search_app.index.server import requests
from search_app.index.server.errors import already_exists, delay_asked, in_words
from search_app.index.server.retry import Patience

MANIFEST_ID = 0
_PAGE = 1000
_GRPC_PORT = 6334
GRAPH_FROM_BYTES = 20_000 * 1024
"""The server builds graphs for segments with more bytes of vectors; its own default, put back after a bulk load."""

Result = TypeVar("Result")
Item = TypeVar("Item")


def connect(url: str, api_key: str, timeout_s: int) -> QdrantClient:
    """A client for the server at `url`; gRPC where its port answers, else HTTP."""
    parts = urlsplit(url)
    default_port = parts.port in (None, 6333) and parts.path in ("", "/")
    return QdrantClient(
        url=url,
        api_key=api_key or None,
        timeout=timeout_s,
        prefer_grpc=default_port and _answers(parts.hostname or "localhost", _GRPC_PORT),
        grpc_port=_GRPC_PORT,
        check_compatibility=False,  # it warns from a thread of its own; what fails says so by itself
    )


def _answers(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=0.5).close()
    except OSError:
        return False
    return True


class ServerEngine:
    """One client with patience; every operation is idempotent, so each may be tried again."""

    def __init__(self, client: QdrantClient, where: str, patience: Patience) -> None:
        self._client, self._where, self._patience = client, where, patience

    def _do(self, request: Callable[[], Result]) -> Result:
        try:
            return self._patience.retry(request, delay_asked)
        except Exception as error:
            raise in_words(error, self._where) from error

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    # --- collections and aliases

    def target(self, alias: str) -> str | None:
        """The physical collection an alias stands for."""
        aliases = self._do(self._client.get_aliases).aliases
        return next((one.collection_name for one in aliases if one.alias_name == alias), None)

    def collections(self) -> list[str]:
        """The names of all physical collections."""
        return [one.name for one in self._do(self._client.get_collections).collections]

    def create(self, name: str, dim: int) -> None:
        """Make an empty collection for a bulk load: no graph is built before `end_bulk_load`."""
        if self._do(lambda: self._client.collection_exists(name)):
            return
        self._do(
            lambda: self._client.create_collection(
                name,
                vectors_config=requests.dense_vectors(dim),
                optimizers_config=models.OptimizersConfigDiff(indexing_threshold=0),
            )
        )
        for field in (PATH, CONTENT_HASH):
            keyword = models.PayloadSchemaType.KEYWORD
            self._do(partial(self._client.create_payload_index, name, field, field_schema=keyword, wait=True))

    def create_empty(self, name: str) -> bool:
        """Make a collection without vectors; False when there is one of that name: the server decides the race."""

        def attempt() -> bool:
            try:
                return self._client.create_collection(name, vectors_config={})
            except Exception as error:
                if already_exists(error):
                    return False
                raise

        return self._do(attempt)

    def end_bulk_load(self, name: str) -> None:
        """Let the server build its graphs."""
        threshold = models.OptimizersConfigDiff(indexing_threshold=GRAPH_FROM_BYTES // 1024)
        self._do(lambda: self._client.update_collection(name, optimizers_config=threshold))

    def is_optimizing(self, name: str) -> bool:
        """Whether graphs are being built at this moment."""
        return self._do(lambda: self._client.get_collection(name)).status == models.CollectionStatus.YELLOW

    def drop(self, name: str) -> None:
        """Remove a collection; an unknown one is ignored."""
        self._do(lambda: self._client.delete_collection(name))

    def point_alias(self, alias: str, name: str) -> None:
        """Let `alias` stand for `name` from one moment to the next."""
        create = models.CreateAlias(collection_name=name, alias_name=alias)
        actions: list[Any] = [models.CreateAliasOperation(create_alias=create)]
        if self.target(alias) is not None:
            actions.insert(0, models.DeleteAliasOperation(delete_alias=models.DeleteAlias(alias_name=alias)))
        self._do(lambda: self._client.update_collection_aliases(actions))

    # --- point 0

    def read_head(self, name: str) -> dict[str, Any] | None:
        """The payload of point 0."""
        return dict(self.fetch(name, [MANIFEST_ID])).get(MANIFEST_ID)

    def write_head(self, name: str, payload: Mapping[str, Any]) -> None:
        """Replace the payload of point 0, making the point where it is missing."""
        head = models.PointStruct(id=MANIFEST_ID, vector={}, payload=dict(payload))
        self._do(lambda: self._client.upsert(name, [head], wait=True))

    # --- points

    def upsert(self, name: str, ids: list[int], vectors: FloatMatrix, payloads: list[dict[str, Any]]) -> None:
        """Add or replace points that were validated."""
        batch = models.Batch(ids=[*ids], vectors={IMAGE: vectors.tolist()}, payloads=payloads)
        self._do(lambda: self._client.upsert(name, batch, wait=True))

    def update_payloads(self, name: str, payloads: list[tuple[int, dict[str, Any]]]) -> None:
        """Replace the payloads of existing points but for the words."""
        for some in _pages(payloads):
            words = self.words(name, [number for number, _ in some])
            operations: list[Any] = [
                models.OverwritePayloadOperation(
                    overwrite_payload=models.SetPayload(payload=payload | words.get(number, {}), points=[number])
                )
                for number, payload in some
            ]
            self._do(partial(self._client.batch_update_points, name, operations, wait=True))

    def open_words(self, name: str, dim: int) -> None:
        """Make empty channels for words; words that were there are dropped."""
        self._do(partial(self._client.delete_payload, name, [*WORDS_FIELDS], models.Filter(), wait=True))
        for channel, config in requests.word_channels(dim).items():
            self._do(partial(self._delete_channel, name, channel))
            self._do(partial(self._client.create_vector_name, name, channel, config, wait=True))

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
        records = self._retrieve(name, ids, with_payload=[*WORDS_FIELDS], with_vectors=False)
        return {int(record.id): record.payload or {} for record in records}

    def vectors(self, name: str, ids: list[int], channel: DenseChannel) -> dict[int, FloatVector]:
        """The vector of each id that has one in the channel."""
        records = self._retrieve(name, ids, with_payload=False, with_vectors=[channel])
        vectors = {int(record.id): (record.vector or {}).get(channel) for record in records}
        return {number: np.array(vector, np.float32) for number, vector in vectors.items() if vector is not None}

    def existing(self, name: str, ids: list[int]) -> list[int]:
        """Those of the ids that exist."""
        return [int(record.id) for record in self._retrieve(name, ids, with_payload=False, with_vectors=False)]

    def _retrieve(self, name: str, ids: list[int], **wanted: Any) -> Iterator[Any]:
        for some in _pages(ids):
            yield from self._do(partial(self._client.retrieve, name, [*some], **wanted))

    def page(self, name: str, after: int) -> list[tuple[int, dict[str, Any]]]:
        """The next payloads above id `after`, in id order; empty at the end."""
        records, _ = self._do(
            lambda: self._client.scroll(
                name, offset=after + 1, limit=_PAGE, with_payload=requests.BRIEF, with_vectors=False
            )
        )
        return [(int(record.id), record.payload or {}) for record in records]

    def count(self, name: str) -> int:
        """How many pictures there are."""
        return int(self._do(lambda: self._client.count(name, exact=True)).count) - (self.read_head(name) is not None)

    def search(self, name: str, queries: Sequence[VectorQuery]) -> list[Neighbours]:
        """Answer queries in one request."""
        return answer(queries, lambda asked: self._nearest(name, asked))

    def _nearest(self, name: str, asked: Sequence[tuple[VectorQuery, int]]) -> list[Scored]:
        questions = [requests.nearest(query, depth) for query, depth in asked]
        replies = self._do(lambda: self._client.query_batch_points(name, questions))
        if len(replies) != len(questions):
            raise IndexDamaged(
                f"the Qdrant server at {self._where} answered {len(replies)} of {len(questions)} queries"
            )
        return [
            (np.array([hit.id for hit in r.points], np.int64), np.array([hit.score for hit in r.points], np.float32))
            for r in replies
        ]


def _pages(many: list[Item]) -> Iterator[list[Item]]:
    return (many[start : start + _PAGE] for start in range(0, len(many), _PAGE))


def _named(vectors: object) -> dict[str, object]:
    """The vectors of a collection's settings by name; there is a form of the settings that has none."""
    return dict(vectors) if isinstance(vectors, Mapping) else {}
