"""A Qdrant server's collections, their aliases and the indexes of their fields."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from qdrant_client import QdrantClient, models

from search_app.index.fields import CONTENT_HASH, INDEXES, PATH
from search_app.index.profile import DEFAULT, Consistency, Profile
from search_app.index.server import settings
from search_app.index.server.address import Address
from search_app.index.server.errors import CollectionGone, already_exists, delay_asked, in_words
from search_app.index.server.names import published
from search_app.index.server.retry import Patience
from search_app.index.server.versions import skew

logger = logging.getLogger(__name__)

GRAPH_FROM_BYTES = 20_000 * 1024
"""The server builds graphs for segments with more bytes of vectors; its own default, put back after a bulk load."""
_GRAPH_WAIT_S = 1800.0
_GRAPH_POLL_S = 2.0

Result = TypeVar("Result")


class ServerCollections:
    """One client with patience; every operation is idempotent, so each may be tried again."""

    def __init__(
        self,
        client: QdrantClient,
        address: Address,
        patience: Patience,
        profile: Profile = DEFAULT,
        consistency: Consistency | None = None,
    ) -> None:
        """`consistency` is that of whoever reads here; see `profile.Cluster.read_consistency`."""
        self._client, self._address, self._patience = client, address, patience
        self.profile = profile
        self._agreeing: dict[str, Any] = settings.agreeing(consistency)
        """Said with every reading request."""
        self.server = f"the Qdrant server at {address}"
        """As messages name it."""
        self._indexed: set[tuple[str, str]] = set()
        """Collections and fields that this client has had indexed."""

    def _do(self, request: Callable[[], Result]) -> Result:
        try:
            return self._patience.retry(request, delay_asked)
        except Exception as error:  # noqa: BLE001 - and no cause: a traceback would tell what the sentence is kept free of
            raise in_words(error, self._address, self._version) from None

    def _version(self) -> str:
        """The server's; empty where it does not say."""
        try:
            return str(self._client.info().version)
        except Exception:  # noqa: BLE001 - whatever the client raises, the version is not known
            logger.debug("the version of %s is not known", self.server)
            return ""

    def warn_of_version(self) -> None:
        """Log what is wrong with the server's version, if anything."""
        version = self._version()
        if version and (wrong := skew(version)):
            logger.warning("%s may not do all that is asked of it: %s", self.server, wrong)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def pointers(self) -> dict[str, str]:
        """The server's aliases, of which `names` knows the meaning: name to physical collection."""
        aliases = self._do(self._client.get_aliases).aliases
        return {one.alias_name: one.collection_name for one in aliases}

    def collections(self) -> list[str]:
        """The names of all physical collections."""
        return [one.name for one in self._do(self._client.get_collections).collections]

    def create(self, name: str, dim: int) -> None:
        """Make an empty collection for a bulk load: no graph is built before `end_bulk_load`."""
        if self._do(lambda: self._client.collection_exists(name)):
            return
        self._make(
            partial(
                self._client.create_collection,
                name,
                **settings.of_collection(dim, self.profile),
            )
        )
        self.index_fields(name)

    def _make(self, request: Callable[[], object]) -> bool:
        """Make something that has a name; False where it is there, be it that an answer to this was lost."""

        def attempt() -> bool:
            try:
                request()
            except Exception as error:
                if already_exists(error):
                    return False
                raise
            return True

        return self._do(attempt)

    def index_fields(self, name: str) -> None:
        """Index every field that is asked and counted by, but those of metadata, where that is not done."""
        there = self._do(lambda: self._client.get_collection(name)).payload_schema
        self._indexed |= {(name, key) for key in there}
        self._index(name, {PATH: "keyword", CONTENT_HASH: "keyword", **INDEXES})

    def _index(self, name: str, kinds: Mapping[str, str]) -> None:
        for key, kind in kinds.items():
            if (name, key) not in self._indexed:
                schema = settings.of_field(key, kind, self.profile)
                self._do(partial(self._client.create_payload_index, name, key, field_schema=schema, wait=True))
                self._indexed.add((name, key))

    def create_marked(self, name: str, mark: Mapping[str, Any]) -> bool:
        """Make a collection without vectors; False when there is one of that name: the server decides the race.

        The mark is stored in the same step by servers from 1.16 on, older ones leave it out.
        """
        bare = settings.of_bare_collection(self.profile)
        if self._make(partial(self._client.create_collection, name, metadata=dict(mark), **bare)):
            return True
        try:
            return self.mark(name) == mark  # ours, and the answer that said so was lost
        except CollectionGone:
            return False

    def mark(self, name: str) -> Mapping[str, Any] | None:
        """What a collection was made with by `create_marked`."""
        return self._do(lambda: self._client.get_collection(name)).config.metadata

    def build_graph(self, name: str, vector_bytes: int, meanwhile: Callable[[], None]) -> None:
        """End the bulk load and wait for the graph; after half an hour it is shown without waiting longer.

        `meanwhile` is called now and then.
        """
        threshold = models.OptimizersConfigDiff(indexing_threshold=GRAPH_FROM_BYTES // 1024)
        self._do(lambda: self._client.update_collection(name, optimizers_config=threshold))
        if vector_bytes < GRAPH_FROM_BYTES:
            return
        give_up = time.monotonic() + _GRAPH_WAIT_S
        time.sleep(_GRAPH_POLL_S)  # the server takes a moment to begin
        while self._is_optimizing(name) and time.monotonic() < give_up:
            meanwhile()
            time.sleep(_GRAPH_POLL_S)

    def _is_optimizing(self, name: str) -> bool:
        return self._do(lambda: self._client.get_collection(name)).status == models.CollectionStatus.YELLOW

    def drop(self, name: str) -> None:
        """Remove a collection; an unknown one is ignored."""
        self._indexed = {pair for pair in self._indexed if pair[0] != name}
        self._do(lambda: self._client.delete_collection(name))

    def publish(self, collection: str, name: str) -> None:
        """Let physical collection `name` hold `collection` for all that stand for it, from one moment to the next."""
        self.point(published(self.pointers(), collection, name))

    def point(self, to: Mapping[str, str], forget: Sequence[str] = ()) -> None:
        """Set some pointers and remove others in one step; nothing is sent where nothing changes.

        One that is set replaces what was there.
        """
        actions: list[Any] = [
            models.CreateAliasOperation(create_alias=models.CreateAlias(collection_name=name, alias_name=pointer))
            for pointer, name in to.items()
        ]
        actions += [models.DeleteAliasOperation(delete_alias=models.DeleteAlias(alias_name=one)) for one in forget]
        if actions:
            self._do(lambda: self._client.update_collection_aliases(actions))
