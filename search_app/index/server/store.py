"""A Qdrant server or cluster: several machines may read and write one collection.

A fresh collection and a rebuild are loaded out of sight and shown by moving the alias. A later run changes the
collection where it lies, as the server answers while it is written: its points can be found before the commit.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from typing import Any, TypeVar

from search_app.datatypes import (
    Condition,
    DenseChannel,
    EncoderSpec,
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
from search_app.index.profile import DEFAULT, Consistency, Profile
from search_app.index.server.address import Address
from search_app.index.server.connection import connect
from search_app.index.server.engine import ServerEngine
from search_app.index.server.errors import CollectionGone
from search_app.index.server.head import DIRTY
from search_app.index.server.names import aliases_of, current
from search_app.index.server.pinned import PinnedServer
from search_app.index.server.retry import Patience
from search_app.index.server.writer import ServerWriter
from search_app.index.validate import check_facet, check_ids, check_queries

_FRESH_S = 0.5
"""For how long the alias and the manifest are taken as known."""

Result = TypeVar("Result")


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

    def reader(self) -> "ServerReader":
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
    def pinned(self) -> "Iterator[PinnedServer]":
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
