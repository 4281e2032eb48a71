"""A Qdrant server's operations as the index needs them; the only module that imports `qdrant_client`.

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

from search_app.datatypes import FloatMatrix, FloatVector, Neighbours, VectorQuery
from search_app.errors import IndexDamaged
from search_app.index.payload import CONTENT_HASH, PATH
from search_app.index.ranking import Scored, answer
from search_app.index.server.errors import already_exists, delay_asked, in_words
from search_app.index.server.retry import Patience

VECTOR = "image"
MANIFEST_ID = 0
_HNSW_EF = 128
_PAGE = 1000
_GRPC_PORT = 6334
GRAPH_FROM_BYTES = 20_000 * 1024
"""The server builds graphs for segments with more bytes of vectors; its own default, put back after a bulk load."""

Result = TypeVar("Result")


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
                vectors_config={VECTOR: models.VectorParams(size=dim, distance=models.Distance.COSINE)},
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
        batch = models.Batch(ids=[*ids], vectors={VECTOR: vectors.tolist()}, payloads=payloads)
        self._do(lambda: self._client.upsert(name, batch, wait=True))

    def update_payloads(self, name: str, payloads: list[tuple[int, dict[str, Any]]]) -> None:
        """Replace the payloads of existing points."""
        operations: list[Any] = [
            models.OverwritePayloadOperation(overwrite_payload=models.SetPayload(payload=payload, points=[number]))
            for number, payload in payloads
        ]
        for start in range(0, len(operations), _PAGE):
            some = operations[start : start + _PAGE]
            self._do(partial(self._client.batch_update_points, name, some, wait=True))

    def delete(self, name: str, ids: list[int]) -> None:
        """Remove points; unknown ids are ignored."""
        for some in _pages(ids):
            selector = models.PointIdsList(points=[*some])
            self._do(partial(self._client.delete, name, selector, wait=True))

    def fetch(self, name: str, ids: list[int]) -> list[tuple[int, dict[str, Any]]]:
        """The payload of each id that exists."""
        records = self._retrieve(name, ids, with_payload=True, with_vectors=False)
        return [(int(record.id), record.payload or {}) for record in records]

    def vectors(self, name: str, ids: list[int]) -> dict[int, FloatVector]:
        """The vector of each id that exists."""
        records = self._retrieve(name, ids, with_payload=False, with_vectors=[VECTOR])
        return {int(record.id): np.array(record.vector[VECTOR], np.float32) for record in records}

    def existing(self, name: str, ids: list[int]) -> list[int]:
        """Those of the ids that exist."""
        return [int(record.id) for record in self._retrieve(name, ids, with_payload=False, with_vectors=False)]

    def _retrieve(self, name: str, ids: list[int], **wanted: Any) -> Iterator[Any]:
        for some in _pages(ids):
            yield from self._do(partial(self._client.retrieve, name, [*some], **wanted))

    def page(self, name: str, after: int) -> list[tuple[int, dict[str, Any]]]:
        """The next payloads above id `after`, in id order; empty at the end."""
        records, _ = self._do(
            lambda: self._client.scroll(name, offset=after + 1, limit=_PAGE, with_payload=True, with_vectors=False)
        )
        return [(int(record.id), record.payload or {}) for record in records]

    def count(self, name: str) -> int:
        """How many pictures there are."""
        return int(self._do(lambda: self._client.count(name, exact=True)).count) - (self.read_head(name) is not None)

    def search(self, name: str, queries: Sequence[VectorQuery]) -> list[Neighbours]:
        """Answer queries in one request."""
        return answer(queries, lambda asked: self._nearest(name, asked))

    def _nearest(self, name: str, asked: Sequence[tuple[VectorQuery, int]]) -> list[Scored]:
        requests = [
            models.QueryRequest(
                query=query.vector.tolist(),
                using=VECTOR,
                limit=depth,
                params=models.SearchParams(hnsw_ef=_HNSW_EF, exact=query.exact),
                with_payload=False,
                with_vector=False,
            )
            for query, depth in asked
        ]
        replies = self._do(lambda: self._client.query_batch_points(name, requests))
        if len(replies) != len(requests):
            raise IndexDamaged(f"the Qdrant server at {self._where} answered {len(replies)} of {len(requests)} queries")
        return [
            (np.array([hit.id for hit in r.points], np.int64), np.array([hit.score for hit in r.points], np.float32))
            for r in replies
        ]


def _pages(ids: list[int]) -> Iterator[list[int]]:
    return (ids[start : start + _PAGE] for start in range(0, len(ids), _PAGE))
