"""The index protocol: a store has committed generations that readers see and one writer that makes the next.

Readers see whole generations only. A writer starts from the newest one, changes it out of sight and
shows its work with `commit`; what `commit` returned for survives kill -9 and power loss.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Protocol, Self

from search_app.datatypes import (
    Condition,
    DenseChannel,
    EncoderSpec,
    FacetValue,
    FloatVector,
    Known,
    Manifest,
    Neighbours,
    Point,
    PrintedWords,
    VectorQuery,
    WholePoint,
    WordsPoint,
    WordsSpec,
)
from search_app.index.pinned import PinnedIndex


class IndexReader(Protocol):
    """Answers from the newest committed generation; follows commits of other processes by itself.

    Safe to call from several threads. Raises `NoIndexYet` while nothing was committed and
    `IndexUnavailable` while the engine is down and being started again.
    """

    def manifest(self) -> Manifest:
        """The manifest of the generation that answers now."""
        ...

    def manifest_at_hand(self) -> Manifest | None:
        """The manifest that answers now, without waiting; None where it would have to be looked up, or is in doubt.

        The same object as long as the same generation answers, and never again once another one did.
        """
        ...

    def search(self, queries: Sequence[VectorQuery]) -> list[Neighbours]:
        """Answer several queries in one pass, in their order.

        Raises `ValueError` for a malformed condition (see `index.conditions.resolve`) and for a query to the channels
        of the words in a collection that holds none (see `Manifest.words_fingerprint`).
        """
        ...

    def facet(
        self,
        field: str,
        *,
        where: Sequence[Condition] = (),
        among: Sequence[int] | None = None,
        limit: int = 100,
    ) -> list[tuple[FacetValue, int]]:
        """How many pictures have each value of `field`, of those that pass `where` and are in `among`.

        Most pictures first, then by value; at most `limit` values. A picture counts once for each value it has. Values
        of a metadata field are given as text. An index of an older version counts nothing before the next index run.
        Raises `ValueError` for a field that is not counted by (see `index.fields.FIELDS`) and as `search` does.
        """
        ...

    def fetch(self, ids: Sequence[int]) -> dict[int, Known]:
        """The payload of each id that exists."""
        ...

    def vectors(self, ids: Sequence[int], channel: DenseChannel = "image") -> dict[int, FloatVector]:
        """The unit vector, float32 (dim,), of each id that has one."""
        ...

    def words(self, ids: Sequence[int]) -> dict[int, PrintedWords]:
        """The words of each id whose words were read."""
        ...

    def scan(self) -> Iterator[Known]:
        """Every picture in id order."""
        ...

    def pinned(self) -> AbstractContextManager[PinnedIndex]:
        """Hold on to the newest generation, to read all of it: for copies and backups."""
        ...

    def count(self) -> int:
        """How many pictures the generation holds."""
        ...

    def close(self) -> None:
        """Give the engine back."""
        ...


class IndexWriter(Protocol):
    """Makes the next generation. One at a time for a collection; a second raises `IndexInUse`."""

    def manifest(self) -> Manifest:
        """The manifest this writer started from, or a fresh one; `next_id` is where new ids start."""
        ...

    def scan(self) -> Iterator[Known]:
        """Every picture in id order, including what an interrupted run had stored."""
        ...

    def resumed(self) -> bool:
        """Whether it goes on with what an interrupted run had stored, so that it began with more than was committed."""
        ...

    def fetch(self, ids: Sequence[int]) -> dict[int, Known]:
        """The payload of each id that exists."""
        ...

    def vectors(self, ids: Sequence[int]) -> dict[int, FloatVector]:
        """The unit vector, float32 (dim,), of each id that exists."""
        ...

    def words(self, ids: Sequence[int]) -> dict[int, PrintedWords]:
        """The words of each id whose words were read, including what an interrupted run had stored."""
        ...

    def points(self, after: int = 0) -> Iterator[WholePoint]:
        """Every point above id `after`, in id order, including what an interrupted run had stored."""
        ...

    def search(self, queries: Sequence[VectorQuery]) -> list[Neighbours]:
        """Answer from what is written so far; without a graph as long as there is none. See `IndexReader.search`."""
        ...

    def write(self, points: Sequence[WholePoint]) -> None:
        """Add or replace points with their words, whose vectors are those that `open_words` made room for.

        What `IndexReader.pinned` gave is stored as it is, bit by bit. Raises what `upsert` and `update_words` raise.
        """
        ...

    def reserve(self, next_id: int) -> None:
        """Raise the high-water mark: ids below `next_id` were given elsewhere and are never given again."""
        ...

    def upsert(self, points: Sequence[Point]) -> None:
        """Add or replace points; out of sight of readers until `commit`. A replaced point has no words any more.

        Raises `ValueError` for a vector of the wrong dimension, not finite or not of unit length, before
        anything is stored, and `DiskFull` before the disk is.
        """
        ...

    def update_pictures(self, known: Sequence[Known]) -> None:
        """Replace what is known about pictures, keeping vectors and words; raises `ValueError` for an unknown id."""
        ...

    def open_words(self, spec: WordsSpec) -> None:
        """Make room for words read by `spec`; words read by another are dropped, so that two kinds never mix."""
        ...

    def update_words(self, points: Sequence[WordsPoint]) -> None:
        """Add or replace the words of existing points, after `open_words`.

        Raises `ValueError`, before anything is stored, for an unknown id and for a vector that is malformed.
        """
        ...

    def delete(self, ids: Sequence[int]) -> None:
        """Remove points; unknown ids are ignored."""
        ...

    def commit(self, *, final: bool = True) -> Manifest:
        """Make everything so far durable and visible; returns the manifest readers now see.

        `final` also builds the search graph and writes the export; a commit during a long run leaves
        that for the last one.
        """
        ...

    def close(self) -> None:
        """End without another commit; what was not committed stays for the next writer to resume or drop."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class IndexStore(Protocol):
    """One collection on one back end."""

    def reader(self) -> IndexReader:
        """Open for answering; works before the first commit too (then answers raise `NoIndexYet`)."""
        ...

    def writer(self, spec: EncoderSpec, folder: str, *, rebuild: bool = False) -> IndexWriter:
        """Open for changing.

        Raises `ModelMismatch` where the collection was made by another model and `rebuild` is not set, and
        `IndexInUse` where another writer is at work. `rebuild` starts an empty generation, or goes on with an
        interrupted rebuild of the same model (new ids go on from the high-water mark); readers keep the old one until
        the commit. A plain run that comes in between drops an interrupted rebuild.
        """
        ...

    def lightly(self) -> "IndexStore":
        """The same collection, to be changed a few pictures at a time: a commit of them costs little.

        What its writers did not commit may be lost when they are closed. Where a commit costs little anyway it is the
        same as any other.
        """
        ...
