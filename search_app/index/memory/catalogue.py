"""Collections and aliases in this process: the oracle of the other catalogues."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from search_app.errors import IndexInUse, NoIndexYet
from search_app.index.aliases import Aliases
from search_app.index.catalogue import Catalogue, CollectionFacts
from search_app.index.memory.store import MemoryStore


class MemoryShelf:
    """Collections that end with the process."""

    def __init__(self) -> None:
        self._stores: dict[str, MemoryStore] = {}
        self._aliases = Aliases()
        self._lock = threading.Lock()

    def store(self, collection: str) -> MemoryStore:
        """The collection of this name, made where there is none."""
        return self._stores.setdefault(collection, MemoryStore(collection))

    def collections(self) -> list[str]:
        """Their names."""
        return list(self._stores)

    def facts(self, collection: str) -> CollectionFacts:
        """What a collection is; what it takes is not known."""
        committed = self._stores[collection].committed
        return CollectionFacts(collection, committed.record.manifest if committed else None, None)

    def aliases(self) -> Aliases:
        """What is kept."""
        return self._aliases

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Be the one who changes aliases and drops collections."""
        with self._lock:
            yield

    def replace(self, before: Aliases, after: Aliases) -> None:  # noqa: ARG002 - a server needs to know what changes
        """Keep `after`."""
        self._aliases = after

    def check(self, collection: str) -> None:
        """Raise `NoIndexYet` where nothing was committed."""
        if self._stores[collection].committed is None:
            raise NoIndexYet(f"collection {collection!r} is empty: nothing was committed yet")

    def remove(self, collection: str) -> None:
        """Remove a collection; raises `IndexInUse` while it is being written."""
        if self._stores[collection].writing.locked():
            raise IndexInUse(f"collection {collection!r} is being written: wait until that run has ended")
        del self._stores[collection]

    def close(self) -> None:
        """Nothing is held."""


def memory_catalogue(shelf: MemoryShelf) -> Catalogue:
    """The catalogue of a shelf in memory."""
    return Catalogue(shelf)
