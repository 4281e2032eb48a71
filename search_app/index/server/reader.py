"""The reader of a collection on a Qdrant server: follows the alias, and never waits longer than it may."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from search_app.datatypes import (
    Condition,
    DenseChannel,
    FacetValue,
    FloatVector,
    Known,
    Manifest,
    Neighbours,
    PrintedWords,
    VectorQuery,
)
from search_app.errors import IndexUnavailable, NoIndexYet, VectorIndexError
from search_app.index.deadline import seconds_left, waiting
from search_app.index.manifest import record_from_json
from search_app.index.payload import read_words, to_known
from search_app.index.server.engine import ServerEngine
from search_app.index.server.errors import CollectionGone
from search_app.index.server.head import DIRTY
from search_app.index.server.names import aliases_of, current
from search_app.index.server.pinned import PinnedServer
from search_app.index.validate import check_facet, check_ids, check_queries

_FRESH_S = 0.5
"""For how long the alias and the manifest are taken as known."""

Result = TypeVar("Result")


class ServerReader:
    """Answers from the physical collection that the alias stands for.

    No question takes longer than `longest_s`, and while a server that failed is looked at again by one thread, the
    others are told at once that it failed.
    """

    def __init__(
        self, engine: ServerEngine, collection: str, longest_s: float, *, through_aliases: bool = False
    ) -> None:
        self._engine, self._collection, self._longest_s = engine, collection, longest_s
        self._may_be_alias = through_aliases
        self._lock = threading.Lock()
        self._known: tuple[str, Manifest] | VectorIndexError | None = None
        self._known_until = 0.0
        self._is_settled = self._is_greeted = False

    def _current(self) -> tuple[str, Manifest]:
        """The physical collection and its manifest, looked up again when older than half a second."""
        known = self._known
        if known is None or time.monotonic() >= self._known_until:
            known = self._look_again(known)
        if isinstance(known, VectorIndexError):
            raise type(known)(str(known)) from None
        return known

    def _look_again(
        self, known: tuple[str, Manifest] | VectorIndexError | None
    ) -> tuple[str, Manifest] | VectorIndexError:
        failed = known if isinstance(known, VectorIndexError) else None
        if not self._lock.acquire(timeout=0 if failed else min(seconds_left(), self._longest_s)):
            return failed or IndexUnavailable(f"{self._engine.server} takes too long to answer")
        try:
            if self._known is None or time.monotonic() >= self._known_until:
                self._learn(self._look_up)
            assert self._known is not None  # noqa: S101 - it was learnt just now, here or in another thread
            return self._known
        finally:
            self._lock.release()

    def _learn(self, look: Callable[[], tuple[str, Manifest]]) -> None:
        try:
            self._known = look()
        except VectorIndexError as error:
            self._known = error
        self._known_until = time.monotonic() + _FRESH_S

    def _look_up(self) -> tuple[str, Manifest]:
        pointers = self._engine.pointers()
        if self._may_be_alias:
            self._collection, self._may_be_alias = aliases_of(pointers).resolve(self._collection), False
        name = current(pointers, self._collection)
        head = self._engine.read_head(name) if name else None
        if not self._is_greeted:
            self._is_greeted = True
            self._engine.warn_of_version()
        if name is None or head is None:
            raise NoIndexYet(f"collection {self._collection!r} is empty: run `python -m search_app index FOLDER` first")
        manifest = record_from_json(head, f"point 0 of collection {name!r}").manifest
        self._is_settled = not head.get(DIRTY)
        if isinstance(self._known, tuple) and self._known == (name, manifest):
            return self._known  # the same object, see `manifest_at_hand`
        return name, manifest

    def _ask(self, question: Callable[[str, Manifest], Result]) -> Result:
        """Ask the current collection, once more when it was replaced and removed at this moment."""
        with waiting(self._longest_s):
            known = self._current()
            try:
                return question(*known)
            except CollectionGone:
                with self._lock:
                    self._known = None
                return question(*self._current())
            except IndexUnavailable as error:
                self._known, self._known_until = error, time.monotonic() + _FRESH_S
                raise

    def manifest(self) -> Manifest:
        """The manifest of the collection that answers now."""
        return self._ask(lambda _, manifest: manifest)

    def manifest_at_hand(self) -> Manifest | None:
        """The same where it was looked up just now and no run is changing the collection."""
        known = self._known
        is_fresh = self._is_settled and time.monotonic() < self._known_until
        return known[1] if is_fresh and isinstance(known, tuple) else None

    def search(self, queries: Sequence[VectorQuery]) -> list[Neighbours]:
        """Answer several queries in one request."""

        def question(name: str, manifest: Manifest) -> list[Neighbours]:
            check_queries(queries, manifest)
            return self._engine.search(name, queries)

        return self._ask(question)

    def facet(
        self,
        field: str,
        *,
        where: Sequence[Condition] = (),
        among: Sequence[int] | None = None,
        limit: int = 100,
    ) -> list[tuple[FacetValue, int]]:
        """How many pictures have each value of a field; see `IndexReader.facet`."""
        key, clauses, some = check_facet(field, where, among, limit)
        return self._ask(lambda name, _: self._engine.facet(name, key, clauses, some, limit) if limit else [])

    def fetch(self, ids: Sequence[int]) -> dict[int, Known]:
        """The payload of each id that exists."""
        found = self._ask(lambda name, _: self._engine.fetch(name, check_ids(ids)))
        return {number: to_known(number, payload) for number, payload in found}

    def vectors(self, ids: Sequence[int], channel: DenseChannel = "image") -> dict[int, FloatVector]:
        """The unit vector of each id that has one."""

        def question(name: str, manifest: Manifest) -> dict[int, FloatVector]:
            if channel == "meaning" and not manifest.words_dim:
                return {}
            return self._engine.vectors(name, check_ids(ids), channel)

        return self._ask(question)

    def words(self, ids: Sequence[int]) -> dict[int, PrintedWords]:
        """The words of each id whose words were read."""
        return read_words(self._ask(lambda name, _: self._engine.words(name, check_ids(ids))))

    def scan(self) -> Iterator[Known]:
        """Every picture in id order."""
        name, _ = self._current()
        after = 0
        while page := self._engine.page(name, after):
            yield from (to_known(number, payload) for number, payload in page)
            after = page[-1][0]

    @contextmanager
    def pinned(self) -> Iterator[PinnedServer]:
        """Hold on to the collection that answers now, which must not be changed meanwhile: see `PinnedServer`."""
        name, manifest = self._ask(lambda name, manifest: (name, manifest))
        pinned = PinnedServer(self._engine, name, manifest)
        pinned.refuse_changes()
        yield pinned

    def count(self) -> int:
        """How many pictures were there at the last commit."""
        return self.manifest().count

    def close(self) -> None:
        """Close the connection."""
        self._engine.close()
