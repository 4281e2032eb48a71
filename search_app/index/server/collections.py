"""A Qdrant server's collections, their aliases and the indexes of their fields."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar

from qdrant_client import QdrantClient, models

from search_app.index import graph
from search_app.index.fields import CONTENT_HASH, INDEXES, PATH
from search_app.index.server import requests
from search_app.index.server.errors import already_exists, delay_asked, in_words
from search_app.index.server.retry import Patience

GRAPH_FROM_BYTES = 20_000 * 1024
"""The server builds graphs for segments with more bytes of vectors; its own default, put back after a bulk load."""

Result = TypeVar("Result")


class ServerCollections:
    """One client with patience; every operation is idempotent, so each may be tried again."""

    def __init__(self, client: QdrantClient, where: str, patience: Patience) -> None:
        self._client, self._where, self._patience = client, where, patience
        self._indexed: set[tuple[str, str]] = set()
        """Collections and fields that this client has had indexed."""

    def _do(self, request: Callable[[], Result]) -> Result:
        try:
            return self._patience.retry(request, delay_asked)
        except Exception as error:
            raise in_words(error, self._where) from error

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

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
                hnsw_config=models.HnswConfigDiff(
                    m=graph.LINKS,
                    ef_construct=graph.CANDIDATES,
                    full_scan_threshold=graph.kilobytes(graph.SCORED_SINGLY, dim),
                ),
                quantization_config=requests.INT8,
                optimizers_config=models.OptimizersConfigDiff(indexing_threshold=0),
            )
        )
        self.index_fields(name)

    def index_fields(self, name: str) -> None:
        """Index every field that is asked and counted by, but those of metadata, where that is not done."""
        there = self._do(lambda: self._client.get_collection(name)).payload_schema
        self._indexed |= {(name, key) for key in there}
        self._index(name, {PATH: "keyword", CONTENT_HASH: "keyword", **INDEXES})

    def _index(self, name: str, kinds: Mapping[str, str]) -> None:
        for key, kind in kinds.items():
            if (name, key) not in self._indexed:
                schema = models.PayloadSchemaType(kind)
                self._do(partial(self._client.create_payload_index, name, key, field_schema=schema, wait=True))
                self._indexed.add((name, key))

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
        self._indexed = {pair for pair in self._indexed if pair[0] != name}
        self._do(lambda: self._client.delete_collection(name))

    def point_alias(self, alias: str, name: str) -> None:
        """Let `alias` stand for `name` from one moment to the next."""
        create = models.CreateAlias(collection_name=name, alias_name=alias)
        actions: list[Any] = [models.CreateAliasOperation(create_alias=create)]
        if self.target(alias) is not None:
            actions.insert(0, models.DeleteAliasOperation(delete_alias=models.DeleteAlias(alias_name=alias)))
        self._do(lambda: self._client.update_collection_aliases(actions))
