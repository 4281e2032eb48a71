"""The catalogue of a back end: what can be asked and changed is the same on all, a `Shelf` is what differs."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from search_app.datatypes import Manifest
from search_app.errors import IndexInUse, NotFound
from search_app.index.aliases import Aliases, check_alias


@dataclass(frozen=True, slots=True)
class CollectionFacts:
    """What a collection is, without opening its engine."""

    name: str
    manifest: Manifest | None
    """None before the first commit, and where it cannot be read."""
    size_bytes: int | None
    """On the disk; None where only the server knows."""
    fault: str = ""
    """Why the manifest cannot be read; empty where it can, and before the first commit."""


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
        """Remove an existing collection; see `Catalogue.drop` for what it raises."""
        ...

    def close(self) -> None:
        """Give the connection back."""
        ...


class Catalogue:
    """The collections of one back end and the aliases that stand for them; safe to call from several threads.

    An alias may bear the name of a collection: it stands before it. All raise `IndexUnavailable` while the back end
    does not answer and `IndexDamaged` where the aliases cannot be read.
    """

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    def collections(self) -> list[str]:
        """The names of all collections, sorted; also of those that nothing was committed to yet."""
        return sorted(self._shelf.collections())

    def facts(self, collection: str) -> CollectionFacts:
        """What a collection (never an alias) is; raises `NotFound` where there is none of that name."""
        self._demand(collection)
        return self._shelf.facts(collection)

    def aliases(self) -> dict[str, str]:
        """The collection that each alias stands for; a name that stands for the collection of its own is none."""
        return self._shelf.aliases().current()

    def before(self, alias: str) -> list[str]:
        """What an alias stood for before, the latest first: where `back` goes."""
        return [*self._shelf.aliases().before(alias)]

    def resolve(self, name: str) -> str:
        """The collection that a name stands for: itself where it is no alias. Cheap: a `stat`, or one request."""
        return self._shelf.aliases().resolve(name)

    def switch(self, alias: str, collection: str) -> str:
        """Let `alias` stand for `collection` from one moment to the next; returns what it stood for.

        Durable when it returns. Raises `NotFound` where there is no such collection, `NoIndexYet` where nothing was
        committed to it, what opening it raises where it does not open, `BadRequest` for a name that no alias can have,
        and `IndexInUse` while another change of the aliases takes too long.
        """
        check_alias(alias)
        with self._shelf.changing():
            self._check(collection)
            kept = self._shelf.aliases()
            stood = kept.resolve(alias)
            nowhere = stood not in self._shelf.collections()  # `back` to it would lead to nothing
            self._shelf.replace(kept, kept.switched(alias, collection, forget=nowhere))
        return stood

    def back(self, alias: str) -> str:
        """Undo the last `switch` of an alias that is not undone yet; returns what it stands for now.

        Checks what `switch` checks. Raises `NotFound` where nothing is known that it stood for before.
        """
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
        """Forget an alias and what it stood for before; returns what it stood for. Raises `NotFound` for none."""
        with self._shelf.changing():
            kept = self._shelf.aliases()
            if alias not in kept.stands:
                raise NotFound(f"no alias is called {alias!r}: `python -m search_app alias list` shows all")
            self._shelf.replace(kept, kept.without(alias))
        return kept.resolve(alias)

    def drop(self, collection: str) -> None:
        """Remove a collection (never an alias) for good.

        Raises `NotFound` where there is none of that name, `IndexInUse` while an alias stands for it, a run writes it
        or an embedded reader has it open, and `VectorIndexError` where what lies there is not all a collection's.
        """
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
