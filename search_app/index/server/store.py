"""A Qdrant server or cluster: several machines may read and write one collection.

A fresh collection and a rebuild are loaded out of sight and shown by moving the alias. A later run changes the
collection where it lies, as the server answers while it is written: its points can be found before the commit.
"""

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from typing import Any

from search_app.datatypes import EncoderSpec
from search_app.errors import VectorIndexError
from search_app.index.profile import DEFAULT, Consistency, Profile
from search_app.index.server.address import Address
from search_app.index.server.connection import connect
from search_app.index.server.engine import ServerEngine
from search_app.index.server.names import aliases_of
from search_app.index.server.reader import ServerReader
from search_app.index.server.retry import Patience
from search_app.index.server.writer import ServerWriter


@dataclass(frozen=True, slots=True)
class Waiting:
    """How long a server is waited for."""

    silence_s: int
    """While it says nothing."""
    patience: Patience


READING = Waiting(5, Patience(8.0, attempts=3))
WRITING = Waiting(60, Patience(90.0))
"""A server that is started again in between costs a load no more than time; the lock counts on these numbers."""


class ServerStore:
    """The collection `collection` on the server at `url`."""

    def __init__(
        self,
        url: str,
        collection: str,
        api_key: str = "",
        *,
        make_client: Callable[[int], Any] | None = None,
        waits: tuple[Waiting, Waiting] = (READING, WRITING),
        through_aliases: bool = False,
    ) -> None:
        """`make_client`, given the longest silence in seconds, replaces the connection to `url`.

        Of `waits` the first is for readers, the second for writers. `through_aliases` says that `collection` may be an
        alias: what it stands for when the server answers first is kept to.
        """
        self._address, self._collection = Address(url, api_key), collection
        self._through_aliases, self._profile = through_aliases, DEFAULT
        self._make_client = make_client or (lambda silence_s: connect(self._address, silence_s))
        self._reading, self._writing = waits

    def with_profile(self, profile: Profile) -> "ServerStore":
        """The same, where collections are made and asked as a profile says."""
        other = copy(self)
        other._profile = profile  # noqa: SLF001 - it is one of us
        return other

    def reader(self) -> ServerReader:
        """Open for answering; see `IndexStore.reader`."""
        longest_s = self._reading.patience.total_s
        engine = self._engine(self._reading, self._profile.cluster.read_consistency)
        return ServerReader(engine, self._collection, longest_s, through_aliases=self._through_aliases)

    def writer(self, spec: EncoderSpec, folder: str, *, rebuild: bool = False) -> ServerWriter:
        """Open for changing; see `IndexStore.writer`."""
        # It looks at what it sent: on any other copy than the one that took it that may be missing for a moment.
        agreeing: Consistency | None = "all" if (self._profile.cluster.replication_factor or 1) > 1 else None
        engine, collection = self._engine(self._writing, agreeing), self._collection
        if self._through_aliases:
            try:
                collection = aliases_of(engine.pointers()).resolve(collection)
            except VectorIndexError:
                engine.close()
                raise
        return ServerWriter(engine, collection, spec, folder, rebuild=rebuild)

    def lightly(self) -> "ServerStore":
        """Itself: a server's collection is changed in its place."""
        return self

    def _engine(self, waits: Waiting, agreeing: Consistency | None) -> ServerEngine:
        client = self._make_client(waits.silence_s)
        return ServerEngine(client, self._address, waits.patience, self._profile, agreeing)
