"""The reader of the exact index in memory."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext

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
from search_app.errors import NoIndexYet
from search_app.index.memory.generation import Commits, Generation
from search_app.index.validate import check_facet, check_ids


class MemoryReader:
    """Answers from the newest commit of its store."""

    def __init__(self, store: Commits) -> None:
        self._store = store

    def _generation(self) -> Generation:
        if self._store.committed is None:
            raise NoIndexYet(f"collection {self._store.collection!r} is empty: nothing was committed yet")
        return self._store.committed

    def manifest(self) -> Manifest:
        """The manifest of the newest commit."""
        return self._generation().record.manifest

    def manifest_at_hand(self) -> Manifest | None:
        """The same; None before the first commit."""
        committed = self._store.committed
        return committed.record.manifest if committed is not None else None

    def search(self, queries: Sequence[VectorQuery]) -> list[Neighbours]:
        """Compare with every vector."""
        return self._generation().search(queries)

    def facet(
        self,
        field: str,
        *,
        where: Sequence[Condition] = (),
        among: Sequence[int] | None = None,
        limit: int = 100,
    ) -> list[tuple[FacetValue, int]]:
        """How many pictures have each value of a field; see `IndexReader.facet`."""
        generation = self._generation()
        key, clauses, some = check_facet(field, where, among, limit)
        return generation.facet(key, generation.chosen([*generation.vectors], clauses, some))[:limit]

    def fetch(self, ids: Sequence[int]) -> dict[int, Known]:
        """The payload of each id that exists."""
        generation = self._generation()
        return {number: generation.known(number) for number in check_ids(ids) if number in generation.pictures}

    def vectors(self, ids: Sequence[int], channel: DenseChannel = "image") -> dict[int, FloatVector]:
        """The unit vector of each id that has one."""
        vectors = self._generation().dense(channel)
        return {number: vectors[number] for number in check_ids(ids) if number in vectors}

    def words(self, ids: Sequence[int]) -> dict[int, PrintedWords]:
        """The words of each id whose words were read."""
        words = self._generation().words
        return {number: words[number].words for number in check_ids(ids) if number in words}

    def scan(self) -> Iterator[Known]:
        """Every picture in id order."""
        return self._generation().scan()

    def pinned(self) -> AbstractContextManager[Generation]:
        """Hold on to the newest commit."""
        return nullcontext(self._generation())

    def count(self) -> int:
        """How many pictures there are."""
        return len(self._generation().vectors)

    def close(self) -> None:
        """Nothing is held."""
