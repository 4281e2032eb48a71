"""The collections on a Qdrant server, and the aliases that stand for them: the server's own."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from search_app.datatypes import VectorQuery
from search_app.errors import IndexDamaged, IndexInUse, VectorIndexError
from search_app.index.aliases import Aliases
from search_app.index.catalogue import Catalogue, CollectionFacts
from search_app.index.deadline import waiting
from search_app.index.manifest import Record, record_from_json
from search_app.index.server.address import Address
from search_app.index.server.connection import connect
from search_app.index.server.engine import ServerEngine
from search_app.index.server.lock import ServerLock
from search_app.index.server.names import aliases_of, collection_of, current, number_of, owned_by, pointing
from search_app.index.server.reader import ServerReader
from search_app.index.server.store import READING

_SWITCH_WAITS_S = 60.0
_POLL_S = 0.2
_LOCK = "_aliases"
"""No collection's name begins with `_`."""


class ServerShelf:
    """All that lies on a server under names that this program gives; what others keep there is not looked at."""

    def __init__(self, engine: ServerEngine) -> None:
        self._engine = engine

    def collections(self) -> list[str]:
        """Their names."""
        owners = {collection_of(name) for name in self._engine.collections()}
        return [name for name in owners if name is not None]

    def facts(self, collection: str) -> CollectionFacts:
        """What a collection is; what it takes only the server knows."""
        name = current(self._engine.pointers(), collection)
        try:
            manifest = self._record(name).manifest if name is not None else None
        except VectorIndexError as error:
            return CollectionFacts(collection, None, None, str(error))
        return CollectionFacts(collection, manifest, None)

    def aliases(self) -> Aliases:
        """What is kept: one request."""
        with waiting(READING.patience.total_s):
            return aliases_of(self._engine.pointers())

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Be the one who changes aliases and drops collections, of all machines."""
        lock = self._lock()
        try:
            yield
        finally:
            lock.release()

    def _lock(self) -> ServerLock:
        give_up = time.monotonic() + _SWITCH_WAITS_S
        while True:
            try:
                return ServerLock(self._engine, _LOCK, f"the table of aliases of {self._engine.server}")
            except IndexInUse:
                if time.monotonic() >= give_up:
                    raise
                time.sleep(_POLL_S)

    def replace(self, before: Aliases, after: Aliases) -> None:
        """Keep `after`, by one request that the server carries out as a whole."""
        pointers = self._engine.pointers()
        to: dict[str, str] = {}
        forget: list[str] = []
        for alias in sorted(before.stands.keys() | after.stands.keys()):
            names = after.stands.get(alias, (alias,))
            if names != before.stands.get(alias):
                wanted = pointing(pointers, alias, names)
                to |= {pointer: name for pointer, name in wanted.items() if pointers.get(pointer) != name}
                forget += [pointer for pointer in owned_by(pointers, alias) if pointer not in wanted]
        self._engine.point(to, forget)

    def check(self, collection: str) -> None:
        """Let it answer a question about one of its own pictures."""
        reader = ServerReader(self._engine, collection, READING.patience.total_s)
        count = reader.count()
        first = next(reader.scan(), None)
        if first is None:
            if count:
                raise IndexDamaged(
                    f"collection {collection!r} has lost its {count} pictures: restore it from a snapshot"
                )
            return
        vector = reader.vectors([first.id]).get(first.id)
        if vector is None or not len(reader.search([VectorQuery(vector, 1)])[0].ids):
            raise IndexDamaged(f"collection {collection!r} does not find its own pictures: index the folder again")

    def remove(self, collection: str) -> None:
        """Remove its physical collections, the one that answers last: a kill half way leaves a collection."""
        lock = ServerLock(self._engine, collection)
        try:
            live = current(self._engine.pointers(), collection)
            names = [name for name in self._engine.collections() if number_of(collection, name)]
            for name in sorted(names, key=lambda name: name == live):
                self._record(name)  # what has no manifest was made by somebody else
                self._engine.drop(name)
        finally:
            lock.release()

    def _record(self, name: str) -> Record:
        head = self._engine.read_head(name)
        if head is None:
            raise IndexDamaged(f"{self._engine.server} has collection {name!r} without its manifest (point 0)")
        return record_from_json(head, f"point 0 of collection {name!r}")

    def close(self) -> None:
        """Close the connection."""
        self._engine.close()


def server_catalogue(url: str, api_key: str = "", *, make_client: Callable[[int], Any] | None = None) -> Catalogue:
    """The catalogue of the server at `url`; `make_client` as for `ServerStore`."""
    address = Address(url, api_key)
    client = make_client(READING.silence_s) if make_client else connect(address, READING.silence_s)
    return Catalogue(ServerShelf(ServerEngine(client, address, READING.patience)))
