"""The catalogue of a back end: what can be asked and changed is the same on all, a `Shelf` is what differs."""

from contextlib import AbstractContextManager
from typing import Protocol

from search_app.errors import IndexInUse, NotFound
from search_app.index.aliases import Aliases, check_alias
from search_app.index.base import CollectionFacts


class Shelf(Protocol):
    """Where a back end keeps collections and aliases."""

    def collections(self) -> list[str]:
        """Their names, in no order."""
        ...

    def facts(self, collection: str) -> CollectionFacts:
        """What an existing collection is."""
        ...

    def aliases(self) -> Aliases:
        """What is kept; cheap."""
        ...

    def changing(self) -> AbstractContextManager[None]:
        """Be the one who changes aliases and drops collections; raises `IndexInUse` where another is."""
        ...

    def replace(self, before: Aliases, after: Aliases) -> None:
        """Keep `after` instead of `before`, from one moment to the next and durably."""
        ...

    def check(self, collection: str) -> None:
        """Raise what opening an existing collection raises; `NoIndexYet` where nothing was committed."""
        ...

    def remove(self, collection: str) -> None:
        """Remove an existing collection; see `IndexCatalogue.drop` for what it raises."""
        ...

    def close(self) -> None:
        """Give the connection back."""
        ...


class Catalogue:
    """`IndexCatalogue` over a shelf."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    def collections(self) -> list[str]:
        """The names of all collections, sorted."""
        return sorted(self._shelf.collections())

    def facts(self, collection: str) -> CollectionFacts:
        """What a collection is; see `IndexCatalogue.facts`."""
        self._demand(collection)
        return self._shelf.facts(collection)

    def aliases(self) -> dict[str, str]:
        """The collection that each alias stands for."""
        return self._shelf.aliases().current()

    def before(self, alias: str) -> list[str]:
        """What an alias stood for before, the latest first."""
        return [*self._shelf.aliases().before(alias)]

    def resolve(self, name: str) -> str:
        """The collection that a name stands for."""
        return self._shelf.aliases().resolve(name)

    def switch(self, alias: str, collection: str) -> str:
        """Let `alias` stand for `collection`; see `IndexCatalogue.switch`."""
        check_alias(alias)
        with self._shelf.changing():
            self._check(collection)
            kept = self._shelf.aliases()
            stood = kept.resolve(alias)
            nowhere = stood not in self._shelf.collections()  # `back` to it would lead to nothing
            self._shelf.replace(kept, kept.switched(alias, collection, forget=nowhere))
        return stood

    def back(self, alias: str) -> str:
        """Undo the last switch of an alias; see `IndexCatalogue.back`."""
        with self._shelf.changing():
            kept = self._shelf.aliases()
            if not kept.before(alias):
                raise NotFound(
                    f"nothing is known that {alias!r} stood for before: `python -m search_app collections` lists what "
                    f"it can be switched to"
                )
            changed = kept.gone_back(alias)
            self._check(changed.resolve(alias))
            self._shelf.replace(kept, changed)
        return changed.resolve(alias)

    def remove(self, alias: str) -> str:
        """Forget an alias; see `IndexCatalogue.remove`."""
        with self._shelf.changing():
            kept = self._shelf.aliases()
            if alias not in kept.stands:
                raise NotFound(f"no alias is called {alias!r}: `python -m search_app alias list` shows all")
            self._shelf.replace(kept, kept.without(alias))
        return kept.resolve(alias)

    def drop(self, collection: str) -> None:
        """Remove a collection for good; see `IndexCatalogue.drop`."""
        with self._shelf.changing():
            self._demand(collection)
            kept = self._shelf.aliases()
            users = [alias for alias, stands_for in kept.current().items() if stands_for == collection]
            if users:
                raise IndexInUse(
                    f"alias {users[0]!r} stands for collection {collection!r}: switch it to another one first"
                )
            self._shelf.remove(collection)
            self._shelf.replace(self._shelf.aliases(), kept.after_drop(collection))

    def close(self) -> None:
        """Give the connection back."""
        self._shelf.close()

    def _demand(self, collection: str) -> None:
        there = self._shelf.collections()
        if collection not in there:
            raise NotFound(f"no collection is called {collection!r}: there are {', '.join(sorted(there)) or 'none'}")

    def _check(self, collection: str) -> None:
        self._demand(collection)
        self._shelf.check(collection)
