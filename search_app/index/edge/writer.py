"""The writer of an embedded collection: what is asked of it is checked, then put into its work."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from search_app.datatypes import (
    EncoderSpec,
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
from search_app.index.edge import full_disk
from search_app.index.edge.export import Rows
from search_app.index.edge.generations import CollectionFolder
from search_app.index.edge.locks import FileLock
from search_app.index.edge.whole import to_rows
from search_app.index.edge.work import Work
from search_app.index.graph import Shape
from search_app.index.manifest import grown, holds, with_words
from search_app.index.payload import to_payload
from search_app.index.validate import check_ids, check_pictures, check_points, check_queries, check_whole, check_words

_BATCH = 500


class EdgeWriter:
    """Makes the next generation, on a copy of the last one, and shows it by moving `CURRENT`."""

    def __init__(
        self,
        place: CollectionFolder,
        spec: EncoderSpec,
        folder: str,
        *,
        rebuild: bool,
        shape: Shape,
        lock: FileLock | None = None,
    ) -> None:
        """`lock` is that of the collection's one writer, where the caller has it; `close` gives it back."""
        self._place, self._spec = place, spec
        with full_disk.told(place.path):
            lock = lock or place.lock_for_writing()
            self._work = Work(place, spec, folder, rebuild=rebuild, shape=shape, lock=lock)

    @property
    def folder(self) -> Path:
        """Where it writes."""
        return self._place.path

    def manifest(self) -> Manifest:
        """The manifest this writer started from; `next_id` counts what it wrote since."""
        return self._work.manifest

    def resumed(self) -> bool:
        """Whether it goes on with what an interrupted run had stored."""
        return self._work.resumed

    @full_disk.tells
    def scan(self) -> Iterator[Known]:
        """Every picture in id order, including what an interrupted run had stored."""
        return self._work.shard().scan()

    @full_disk.tells
    def fetch(self, ids: Sequence[int]) -> dict[int, Known]:
        """The payload of each id that exists."""
        return self._work.shard().fetch(check_ids(ids))

    @full_disk.tells
    def vectors(self, ids: Sequence[int]) -> dict[int, FloatVector]:
        """The unit vector of each id that exists."""
        return self._work.shard().vectors(check_ids(ids))

    @full_disk.tells
    def words(self, ids: Sequence[int]) -> dict[int, PrintedWords]:
        """The words of each id whose words were read."""
        return self._work.shard().words(check_ids(ids))

    @full_disk.tells
    def points(self, after: int = 0) -> Iterator[WholePoint]:
        """Every point above id `after`, in id order, including what an interrupted run had stored."""
        return self._work.shard().points(after)

    @full_disk.tells
    def search(self, queries: Sequence[VectorQuery]) -> list[Neighbours]:
        """Answer from what is written so far."""
        check_queries(queries, self.manifest())
        return self._work.shard().search(queries)

    @full_disk.tells
    def write(self, points: Sequence[WholePoint]) -> None:
        """Add or replace points with their words; see `IndexWriter.write`."""
        manifest = self._work.manifest
        vectors = check_whole(points, self._spec.dim, manifest.words_dim)
        self.store(to_rows(points, vectors, manifest.words_fingerprint))

    @full_disk.tells
    def store(self, rows: Rows) -> None:
        """Add or replace validated whole points, as they travel."""
        for start in range(0, len(rows.ids), _BATCH):
            batch = rows.taken(range(start, min(start + _BATCH, len(rows.ids))))
            self._work.change(batch.ids, lost=True).upsert(batch)
            self._work.grow(max(batch.ids))

    @full_disk.tells
    def reserve(self, next_id: int) -> None:
        """Raise the high-water mark; see `IndexWriter.reserve`."""
        if next_id > self._work.manifest.next_id:
            self._work.change([], lost=False)
            self._work.note(grown(self._work.manifest, next_id - 1))

    @full_disk.tells
    def upsert(self, points: Sequence[Point]) -> None:
        """Add or replace points; see `IndexWriter.upsert`."""
        vectors, payloads = check_points(points, self._spec.dim), [to_payload(point.picture) for point in points]
        self.store(Rows([int(point.id) for point in points], vectors, [None] * len(points), payloads))

    @full_disk.tells
    def update_pictures(self, known: Sequence[Known]) -> None:
        """Replace the payload of existing points; raises `ValueError` for an id that is not there."""
        check_pictures([one.picture for one in known])
        if known:
            payloads = [(one.id, to_payload(one.picture)) for one in known]
            self._work.change([one.id for one in known], lost=False).update_payloads(payloads)

    @full_disk.tells
    def open_words(self, spec: WordsSpec) -> None:
        """Make room for words; see `IndexWriter.open_words`."""
        if not holds(self._work.manifest, spec):
            shard = self._work.change([], lost=False)
            # On the disk before channels change and after: a crash between leaves a collection without words.
            self._work.note(with_words(self._work.manifest, WordsSpec("", 0)))
            shard.open_words(spec.dim)
            self._work.note(with_words(self._work.manifest, spec))
            self._work.forget_changes()

    @full_disk.tells
    def update_words(self, points: Sequence[WordsPoint]) -> None:
        """Add or replace the words of existing points; see `IndexWriter.update_words`."""
        manifest = self._work.manifest
        check_words(points, manifest.words_dim)
        for start in range(0, len(points), _BATCH):
            batch = points[start : start + _BATCH]
            self._work.change([one.id for one in batch], lost=False).update_words(batch, manifest.words_fingerprint)

    @full_disk.tells
    def delete(self, ids: Sequence[int]) -> None:
        """Remove points; unknown ids are ignored."""
        wanted = check_ids(ids)
        found = self._work.shard().existing(wanted) if wanted else []
        if found:
            self._work.change(found, lost=True).delete(found)

    @full_disk.tells
    def commit(self, *, final: bool = True) -> Manifest:
        """Make everything so far durable and visible; a commit of nothing new makes no generation."""
        return self._work.commit(final=final)

    def close(self) -> None:
        """End without another commit; what was not committed stays for the next writer to resume or drop."""
        self._work.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
