"""A Qdrant server or cluster: several machines may read and write one collection.

A fresh collection and a rebuild are loaded out of sight and shown by moving the alias. A later run changes the
collection where it lies, as the server answers while it is written: its points can be found before the commit.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
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
from search_app.errors import NoIndexYet, VectorIndexError
from search_app.index.manifest import record_from_json
from search_app.index.payload import read_words, to_known
from search_app.index.server.connection import connect
from search_app.index.server.engine import ServerEngine
from search_app.index.server.errors import CollectionGone
from search_app.index.server.retry import Patience
from search_app.index.server.writer import DIRTY, ServerWriter
from search_app.index.validate import check_facet, check_ids, check_queries

_READ_TIMEOUT_S = 5
_READ_PATIENCE = Patience(attempts=3)
_WRITE_TIMEOUT_S = 120
_WRITE_PATIENCE = Patience(attempts=8)
_FRESH_S = 0.5
"""For how long the alias and the manifest are taken as known."""

Result = TypeVar("Result")


class ServerStore:
    """The collection `collection` on the server at `url`."""

    def __init__(
        self, url: str, collection: str, api_key: str = "", *, make_client: Callable[[int], Any] | None = None
    ) -> None:
        """`make_client`, given a timeout in seconds, replaces the connection to `url`."""
        self._url, self._collection = url, collection
        self._make_client = make_client or (lambda timeout_s: connect(url, api_key, timeout_s))

    def reader(self) -> "ServerReader":
        """Open for answering; see `IndexStore.reader`."""
        return ServerReader(
            ServerEngine(self._make_client(_READ_TIMEOUT_S), self._url, _READ_PATIENCE), self._collection
        )

    def writer(self, spec: EncoderSpec, folder: str, *, rebuild: bool = False) -> ServerWriter:
        """Open for changing; see `IndexStore.writer`."""
        engine = ServerEngine(self._make_client(_WRITE_TIMEOUT_S), self._url, _WRITE_PATIENCE)
        return ServerWriter(engine, self._collection, spec, folder, rebuild=rebuild)


class ServerReader:
    """Answers from the physical collection that the alias stands for."""

    def __init__(self, engine: ServerEngine, collection: str) -> None:
        self._engine, self._collection = engine, collection
        self._lock = threading.Lock()
        self._known: tuple[str, Manifest] | VectorIndexError | None = None
        self._known_until = 0.0
        self._is_settled = False

    def _current(self) -> tuple[str, Manifest]:
        """The physical collection and its manifest, looked up again when older than half a second.

        A failure is known for as long, so that many threads do not wait for a dead server one after the other.
        """
        with self._lock:
            if self._known is None or time.monotonic() >= self._known_until:
                try:
                    self._known = self._look_up()
                except VectorIndexError as error:
                    self._known = error
                self._known_until = time.monotonic() + _FRESH_S
            known = self._known
        if isinstance(known, VectorIndexError):
            raise type(known)(str(known)) from known
        return known

    def _look_up(self) -> tuple[str, Manifest]:
        name = self._engine.target(self._collection)
        head = self._engine.read_head(name) if name else None
        if name is None or head is None:
            raise NoIndexYet(f"collection {self._collection!r} is empty: run `python -m search_app index FOLDER` first")
        manifest = record_from_json(head, f"point 0 of collection {name!r}").manifest
        self._is_settled = not head.get(DIRTY)
        if isinstance(self._known, tuple) and self._known == (name, manifest):
            return self._known  # the same object, see `manifest_at_hand`
        return name, manifest

    def _ask(self, question: Callable[[str, Manifest], Result]) -> Result:
        """Ask the current collection, once more when it was replaced and removed at this moment."""
        try:
            return question(*self._current())
        except CollectionGone:
            with self._lock:
                self._known = None
            return question(*self._current())

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

    def count(self) -> int:
        """How many pictures were there at the last commit."""
        return self.manifest().count

    def close(self) -> None:
        """Close the connection."""
        self._engine.close()
