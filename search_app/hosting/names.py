"""What there is to be opened: names of collections and aliases, looked up as seldom as they may be."""

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from search_app.errors import NoIndexYet, NotFound
from search_app.index.catalogue import Catalogue, CollectionFacts
from search_app.search.service import SearchService

_FRESH_S = 0.5
"""For how long the list of names is taken as known: whoever guesses at names makes the back end list no more often."""


@dataclass(frozen=True, slots=True)
class _Listed:
    collections: frozenset[str] = frozenset()
    aliases: Mapping[str, str] | None = None
    until: float = 0.0


class Names(Protocol):
    """The names of one service; all raise `VectorIndexError` where the back end does not tell."""

    may_change: bool
    """Whether aliases have to be looked at."""

    def stands_for(self, name: str) -> str:
        """The collection that a name leads to; there may be none of it."""
        ...

    def knows(self, name: str) -> bool:
        """Whether there is a collection or an alias of this name."""
        ...

    def require(self, name: str) -> None:
        """Raise `NotFound` where there is none."""
        ...

    def aliases(self) -> Mapping[str, str]:
        """The collection that each alias stands for."""
        ...

    def facts(self) -> Sequence[CollectionFacts]:
        """What all collections are, by name."""
        ...


class CatalogueNames:
    """The names of a catalogue; safe to use from several threads."""

    may_change = True

    def __init__(self, catalogue: Catalogue) -> None:
        """Closing the catalogue is its owner's."""
        self._catalogue = catalogue
        self._listed = _Listed()
        self._listing = threading.Lock()

    def stands_for(self, name: str) -> str:
        """As it is now, not as it was listed."""
        return self._catalogue.resolve(name)

    def knows(self, name: str) -> bool:
        """As it was within the last moment."""
        listed = self._list()
        target = (listed.aliases or {}).get(name, name)
        return target in listed.collections

    def require(self, name: str) -> None:
        """The message repeats the name that was asked for, and no other: not everybody may know all."""
        if not self.knows(name):
            raise NotFound(f"no collection is called {name!r}")

    def aliases(self) -> Mapping[str, str]:
        """The collection that each alias stands for."""
        return self._catalogue.aliases()

    def facts(self) -> Sequence[CollectionFacts]:
        """What all collections are, but for those that are dropped at this moment."""
        found = []
        for name in self._catalogue.collections():
            try:
                found.append(self._catalogue.facts(name))
            except NotFound:
                continue
        return found

    def _list(self) -> _Listed:
        with self._listing:
            if time.monotonic() >= self._listed.until:
                names = frozenset(self._catalogue.collections())
                self._listed = _Listed(names, self._catalogue.aliases(), time.monotonic() + _FRESH_S)
            return self._listed


class SoleNames:
    """The one name of a service that was opened by itself, which its manifest tells as soon as there is one."""

    may_change = False

    def __init__(self, service: SearchService) -> None:
        self._service = service

    def stands_for(self, name: str) -> str:  # noqa: ARG002 - there is nothing else
        """The one there is, which has no name before something was indexed."""
        return ""

    def knows(self, name: str) -> bool:
        """Whether it is the one."""
        return any(one.name == name for one in self.facts())

    def require(self, name: str) -> None:
        """Raise `NotFound` for all other names."""
        if not self.knows(name):
            raise NotFound(f"no collection is called {name!r}")

    def aliases(self) -> Mapping[str, str]:
        """There are none."""
        return {}

    def facts(self) -> Sequence[CollectionFacts]:
        """What it is; nothing before something was indexed."""
        try:
            manifest = self._service.reader.manifest()
        except NoIndexYet:
            return []
        return [CollectionFacts(manifest.collection, manifest, None)]
