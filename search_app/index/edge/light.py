"""The writer for a few changes: what it commits is a delta over the last whole generation, as dear as the changes.

It opens no engine: what the collection holds is looked up in the export of the whole generation and in the delta
over it. What does not go that way, and more changes than a delta may hold, it leaves to the other writer, which goes
on under the same lock and makes a whole generation of it.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

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
from search_app.index.edge.deltas import Delta, write_delta
from search_app.index.edge.generations import MANIFEST, CollectionFolder, Ground
from search_app.index.edge.light_rows import Row, rows_of, with_picture, with_words
from search_app.index.edge.locks import FileLock
from search_app.index.edge.lookup import ExportLookup
from search_app.index.edge.shard import INDEX_FROM
from search_app.index.edge.writer import EdgeWriter
from search_app.index.files import boot_id
from search_app.index.graph import Shape
from search_app.index.manifest import Record, check_model, grown, holds, write_record
from search_app.index.payload import read_words, to_known, to_payload
from search_app.index.validate import check_ids, check_pictures, check_points, check_words

MOST = 1_000
"""Points of a delta: each commit writes all of them, and each process that opens the collection stores them."""


@dataclass(frozen=True, slots=True)
class Start:
    """What a light writer starts from."""

    ground: Ground
    record: Record
    """Of the current generation."""
    delta: Delta
    export: ExportLookup


class LightWriter:
    """Makes the next generation a delta; what was not committed when it is closed is lost."""

    def __init__(
        self, place: CollectionFolder, spec: EncoderSpec, folder: str, shape: Shape, lock: FileLock, start: Start
    ) -> None:
        """`lock` is that of the collection's one writer; `close` gives it back."""
        self._place, self._spec, self._folder, self._shape, self._lock = place, spec, folder, shape, lock
        self._ground, self._export = start.ground, start.export
        self._whole: EdgeWriter | None = None
        check_model(start.record.manifest, spec)
        self._take(start.record, start.delta)

    def _take(self, record: Record, delta: Delta) -> None:
        self._committed, self._draft = record, record.manifest
        rows = delta.rows
        self._rows = {
            number: Row(vector, words, payload)
            for number, vector, words, payload in zip(rows.ids, rows.vectors, rows.words, rows.payloads, strict=True)
        }
        self._removed = set(delta.removed)
        self._lost = {*self._removed, *(number for number in self._rows if number in self._export)}
        """Points of the whole generation that are removed or replaced."""
        self._changed: set[int] = set()

    @property
    def folder(self) -> Path:
        """Where it writes."""
        return self._place.path

    def _find(self, ids: Sequence[int]) -> dict[int, Row]:
        """What is known of the ids that exist."""
        found = {number: self._rows[number] for number in ids if number in self._rows}
        rest = self._export.rows([number for number in ids if number not in found and number not in self._removed])
        there = zip(rest.ids, rest.vectors, rest.words, rest.payloads, strict=True)
        found |= {number: Row(vector, words, payload) for number, vector, words, payload in there}
        return {number: found[number] for number in ids if number in found}

    def _existing(self, ids: Sequence[int]) -> dict[int, Row]:
        found = self._find(ids)
        missing = sorted({*ids} - found.keys())
        if missing:
            raise ValueError(f"no point has id {missing[0]}: only existing pictures can be updated")
        return found

    def _store(self, rows: dict[int, Row]) -> None:
        self._rows |= rows
        self._removed -= rows.keys()
        self._changed |= rows.keys()
        self._lost |= {number for number in rows if number in self._export}

    def _is_much(self, ids: Sequence[int]) -> bool:
        """Whether these changes more are too many for a delta.

        Too many are also those from which fields are indexed, and those after which a rollback may be wished for.
        """
        more = {int(number) for number in ids} - self._rows.keys() - self._removed
        lost = len(self._lost) + sum(number in self._export for number in more)
        changed, count = len(self._rows) + len(self._removed) + len(more), len(self._export)
        needs_fields = count < INDEX_FROM <= count + changed - lost
        return needs_fields or changed > MOST or 2 * lost > count

    def _grown_up(self) -> EdgeWriter:
        """The writer that makes whole generations, with all that was changed so far."""
        if self._whole is None:
            whole = EdgeWriter(self._place, self._spec, self._folder, rebuild=False, shape=self._shape, lock=self._lock)
            self._whole = whole
            changed = sorted(self._changed)
            whole.delete([number for number in changed if number not in self._rows])
            whole.store(rows_of({n: self._rows[n] for n in changed if n in self._rows}, self._spec.dim))
            whole.reserve(self._draft.next_id)
        return self._whole

    def manifest(self) -> Manifest:
        """The manifest this writer started from; `next_id` counts what it wrote since."""
        return self._draft if self._whole is None else self._whole.manifest()

    def resumed(self) -> bool:
        """Never: see `IndexWriter.resumed`."""
        return False

    @full_disk.tells
    def scan(self) -> Iterator[Known]:
        """Every picture in id order."""
        return self._scan() if self._whole is None else self._whole.scan()

    def _scan(self) -> Iterator[Known]:
        rows, removed = self._rows, self._removed
        fresh = sorted(number for number in rows if number not in self._export)
        for number, payload in self._export.payloads():
            while fresh and fresh[0] < number:
                yield to_known(fresh[0], rows[fresh.pop(0)].payload)
            if number not in removed:
                yield to_known(number, rows[number].payload if number in rows else payload)
        yield from (to_known(number, rows[number].payload) for number in fresh)

    @full_disk.tells
    def fetch(self, ids: Sequence[int]) -> dict[int, Known]:
        """The payload of each id that exists."""
        if self._whole is not None:
            return self._whole.fetch(ids)
        return {number: to_known(number, row.payload) for number, row in self._find(check_ids(ids)).items()}

    @full_disk.tells
    def vectors(self, ids: Sequence[int]) -> dict[int, FloatVector]:
        """The unit vector of each id that exists."""
        if self._whole is not None:
            return self._whole.vectors(ids)
        return {number: row.vector for number, row in self._find(check_ids(ids)).items()}

    @full_disk.tells
    def words(self, ids: Sequence[int]) -> dict[int, PrintedWords]:
        """The words of each id whose words were read."""
        if self._whole is not None:
            return self._whole.words(ids)
        return read_words({number: row.payload for number, row in self._find(check_ids(ids)).items()})

    def points(self, after: int = 0) -> Iterator[WholePoint]:
        """Every point above id `after`, in id order."""
        return self._grown_up().points(after)

    def search(self, queries: Sequence[VectorQuery]) -> list[Neighbours]:
        """Answer from what is written so far."""
        return self._grown_up().search(queries)

    def write(self, points: Sequence[WholePoint]) -> None:
        """Add or replace points with their words; see `IndexWriter.write`."""
        self._grown_up().write(points)

    def reserve(self, next_id: int) -> None:
        """Raise the high-water mark; see `IndexWriter.reserve`."""
        self._grown_up().reserve(next_id)

    @full_disk.tells
    def upsert(self, points: Sequence[Point]) -> None:
        """Add or replace points; see `IndexWriter.upsert`."""
        if self._whole is not None or self._is_much([point.id for point in points]):
            self._grown_up().upsert(points)
            return
        vectors = check_points(points, self._spec.dim)
        vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True) if points else vectors
        made = zip(points, vectors, strict=True)
        self._store({int(point.id): Row(vector, None, to_payload(point.picture)) for point, vector in made})
        self._draft = grown(self._draft, max((int(point.id) for point in points), default=0))

    @full_disk.tells
    def update_pictures(self, known: Sequence[Known]) -> None:
        """Replace what is known about existing points; raises `ValueError` for an id that is not there."""
        check_pictures([one.picture for one in known])
        if self._whole is not None or self._is_much([one.id for one in known]):
            self._grown_up().update_pictures(known)
            return
        rows = self._existing([one.id for one in known])
        self._store({one.id: with_picture(rows[one.id], one) for one in known})

    def open_words(self, spec: WordsSpec) -> None:
        """Make room for words; see `IndexWriter.open_words`."""
        if self._whole is not None or not holds(self._draft, spec):
            self._grown_up().open_words(spec)

    @full_disk.tells
    def update_words(self, points: Sequence[WordsPoint]) -> None:
        """Add or replace the words of existing points; see `IndexWriter.update_words`."""
        if self._whole is not None or self._is_much([point.id for point in points]):
            self._grown_up().update_words(points)
            return
        check_words(points, self._draft.words_dim)
        rows = self._existing([one.id for one in points])
        read_by = self._draft.words_fingerprint
        self._store({one.id: with_words(rows[one.id], one, read_by) for one in points})

    @full_disk.tells
    def delete(self, ids: Sequence[int]) -> None:
        """Remove points; unknown ids are ignored."""
        if self._whole is None and not self._is_much(ids):
            for number in self._find(check_ids(ids)):
                self._changed.add(number)
                self._rows.pop(number, None)
                if number in self._export:
                    self._removed.add(number)
                    self._lost.add(number)
            return
        self._grown_up().delete(ids)

    @full_disk.tells
    def commit(self, *, final: bool = True) -> Manifest:
        """Make everything so far durable and visible; a commit of nothing new makes no generation."""
        if self._whole is not None:
            return self._whole.commit(final=final)
        if not self._changed and self._committed.manifest.folder == self._folder:
            return self._committed.manifest
        delta = Delta(rows_of(self._rows, self._spec.dim), frozenset(self._removed))
        fresh = sum(number not in self._export for number in self._rows)
        manifest = replace(
            self._draft,
            folder=self._folder,
            model=self._spec.name,
            count=len(self._export) - len(self._removed) + fresh,
            generation=self._place.next_number(),
            committed_at=round(time.time(), 3),
        )
        before = self._committed.manifest.generation
        record = Record(manifest, before, final=True, boot=boot_id(), folder=self._folder)
        record = replace(record, whole=self._ground.record.manifest.generation, removed=tuple(sorted(self._removed)))
        folder = self._place.begin_delta()
        record = replace(record, export=write_delta(folder, delta, manifest))
        write_record(folder / MANIFEST, record)
        self._place.publish(folder)
        self._place.collect(None)
        self._take(record, delta)
        return manifest

    def close(self) -> None:
        """End without another commit; what was not committed is lost, unless it was too much for a delta."""
        if self._whole is not None:
            self._whole.close()
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
