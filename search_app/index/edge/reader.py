"""The reader of an embedded collection: questions, put to the generation that answers now."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

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
    WholePoint,
)
from search_app.index.edge.follower import Follower
from search_app.index.edge.generations import CollectionFolder
from search_app.index.edge.serving import Serving
from search_app.index.graph import Shape
from search_app.index.validate import check_facet, check_ids, check_queries


@dataclass(frozen=True, slots=True)
class PinnedEdge:
    """A generation that is not collected as long as its reader holds on to it."""

    _serving: Serving
    _blaming: Callable[[Serving], contextlib.AbstractContextManager[None]]
    """Where what the engine finds damaged is seen to."""

    @property
    def manifest(self) -> Manifest:
        """Of this generation."""
        return self._serving.record.manifest

    def points(self, after: int = 0) -> Iterator[WholePoint]:
        """Every point above id `after`, in id order."""
        with self._blaming(self._serving):
            yield from self._serving.shard.points(after)


class EdgeReader:
    """Answers from the newest generation, which its `Follower` holds open."""

    def __init__(self, place: CollectionFolder, shape: Shape, answer_s: float) -> None:
        self._follower = Follower(place, shape, answer_s)

    def manifest(self) -> Manifest:
        """The manifest of the generation that answers now."""
        with self._follower.use() as serving:
            return serving.record.manifest

    def manifest_at_hand(self) -> Manifest | None:
        """The same; None where nothing answers. Each opening of a generation reads a manifest of its own."""
        serving = self._follower.serving
        return serving.record.manifest if serving is not None else None

    def search(self, queries: Sequence[VectorQuery]) -> list[Neighbours]:
        """Answer several queries in one pass of the engine."""
        with self._follower.use() as serving:
            check_queries(queries, serving.record.manifest)
            return serving.shard.search(queries)

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
        with self._follower.use() as serving:
            return serving.shard.facet(key, clauses, some, limit) if limit else []

    def fetch(self, ids: Sequence[int]) -> dict[int, Known]:
        """The payload of each id that exists."""
        with self._follower.use() as serving:
            return serving.shard.fetch(check_ids(ids))

    def vectors(self, ids: Sequence[int], channel: DenseChannel = "image") -> dict[int, FloatVector]:
        """The unit vector of each id that has one."""
        with self._follower.use() as serving:
            if channel == "meaning" and not serving.record.manifest.words_dim:
                return {}
            return serving.shard.vectors(check_ids(ids), channel)

    def words(self, ids: Sequence[int]) -> dict[int, PrintedWords]:
        """The words of each id whose words were read."""
        with self._follower.use() as serving:
            return serving.shard.words(check_ids(ids))

    def scan(self) -> Iterator[Known]:
        """Every picture in id order, all of one generation."""
        with self._follower.use() as serving:
            yield from serving.shard.scan()

    @contextlib.contextmanager
    def pinned(self) -> "Iterator[PinnedEdge]":
        """Hold on to the generation that answers now."""
        with self._follower.hold() as serving:
            yield PinnedEdge(serving, self._follower.blaming)

    def count(self) -> int:
        """How many pictures the generation holds."""
        return self.manifest().count

    def close(self) -> None:
        """End the engine and the following of commits."""
        self._follower.close()
