"""A collection of a server that is read from beginning to end and must not change meanwhile."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from search_app.datatypes import Manifest, WholePoint
from search_app.errors import IndexUnavailable
from search_app.index.server.engine import ServerEngine
from search_app.index.server.errors import CollectionGone
from search_app.index.server.head import DIRTY
from search_app.index.server.whole import from_records


@dataclass(frozen=True, slots=True)
class PinnedServer:
    """A physical collection. A rebuild leaves it as it is; a plain run would change it, which is noticed and told."""

    _engine: ServerEngine
    _name: str
    manifest: Manifest

    def points(self, after: int = 0) -> Iterator[WholePoint]:
        """Every point above id `after`, in id order; raises `IndexUnavailable` where they change meanwhile."""
        while page := self._page(after):
            yield from from_records(page)
            after = int(page[-1].id)

    def _page(self, after: int) -> list[Any]:
        try:
            page = self._engine.whole(self._name, after)
        except CollectionGone:
            raise self._changed() from None
        self.refuse_changes()
        return page

    def refuse_changes(self) -> None:
        """Raise `IndexUnavailable` where the collection is not as it was, or is just being changed."""
        try:
            head = self._engine.read_head(self._name)
        except CollectionGone:
            raise self._changed() from None
        if head is None or head.get(DIRTY) or head.get("generation") != self.manifest.generation:
            raise self._changed()

    def _changed(self) -> IndexUnavailable:
        return IndexUnavailable(
            f"collection {self.manifest.collection!r} of {self._engine.server} is being changed by an index run, or "
            f"one was ended half way: wait for it, or end it by another, then run the same command again"
        )
