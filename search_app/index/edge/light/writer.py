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
from search_app.index.edge import full_disk, garbage
from search_app.index.edge.deltas import Delta, write_delta
from search_app.index.edge.generations import MANIFEST, CollectionFolder, Ground
from search_app.index.edge.light.lookup import ExportLookup
from search_app.index.edge.light.overlay import Overlay
from search_app.index.edge.light.rows import Row, with_picture, with_words
from search_app.index.edge.locks import FileLock
from search_app.index.edge.writer import EdgeWriter
from search_app.index.files import boot_id
from search_app.index.graph import Shape
from search_app.index.manifest import Record, check_model, grown, holds, write_record
from search_app.index.payload import read_words, to_known, to_payload
from search_app.index.validate import check_ids, check_pictures, check_points, check_words


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
        self._committed, self._draft = start.record, start.record.manifest
        self._points = Overlay(self._export, start.delta)

    @property
    def folder(self) -> Path:
        """Where it writes."""
        return self._place.path

    def _grown_up(self) -> EdgeWriter:
        """The writer that makes whole generations, with all that was changed so far."""
        if self._whole is None:
            whole = EdgeWriter(self._place, self._spec, self._folder, rebuild=False, shape=self._shape, lock=self._lock)
            self._whole = whole
            gone, rows = self._points.since_commit()
            whole.delete(gone)
            whole.store(rows)
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
        return self._points.scan() if self._whole is None else self._whole.scan()

    @full_disk.tells
    def fetch(self, ids: Sequence[int]) -> dict[int, Known]:
        """The payload of each id that exists."""
        if self._whole is not None:
            return self._whole.fetch(ids)
        return {number: to_known(number, row.payload) for number, row in self._points.find(check_ids(ids)).items()}

    @full_disk.tells
    def vectors(self, ids: Sequence[int]) -> dict[int, FloatVector]:
        """The unit vector of each id that exists."""
        if self._whole is not None:
            return self._whole.vectors(ids)
        return {number: row.vector for number, row in self._points.find(check_ids(ids)).items()}

    @full_disk.tells
    def words(self, ids: Sequence[int]) -> dict[int, PrintedWords]:
        """The words of each id whose words were read."""
        if self._whole is not None:
            return self._whole.words(ids)
        return read_words({number: row.payload for number, row in self._points.find(check_ids(ids)).items()})

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
        if self._whole is not None or self._points.would_be_too_much([point.id for point in points]):
            self._grown_up().upsert(points)
            return
        vectors = check_points(points, self._spec.dim)
        vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True) if points else vectors
        made = zip(points, vectors, strict=True)
        self._points.store({int(point.id): Row(vector, None, to_payload(point.picture)) for point, vector in made})
        self._draft = grown(self._draft, max((int(point.id) for point in points), default=0))

    @full_disk.tells
    def update_pictures(self, known: Sequence[Known]) -> None:
        """Replace what is known about existing points; raises `ValueError` for an id that is not there."""
        check_pictures([one.picture for one in known])
        if self._whole is not None or self._points.would_be_too_much([one.id for one in known]):
            self._grown_up().update_pictures(known)
            return
        rows = self._points.existing([one.id for one in known])
        self._points.store({one.id: with_picture(rows[one.id], one) for one in known})

    def open_words(self, spec: WordsSpec) -> None:
        """Make room for words; see `IndexWriter.open_words`."""
        if self._whole is not None or not holds(self._draft, spec):
            self._grown_up().open_words(spec)

    @full_disk.tells
    def update_words(self, points: Sequence[WordsPoint]) -> None:
        """Add or replace the words of existing points; see `IndexWriter.update_words`."""
        if self._whole is not None or self._points.would_be_too_much([point.id for point in points]):
            self._grown_up().update_words(points)
            return
        check_words(points, self._draft.words_dim)
        rows = self._points.existing([one.id for one in points])
        read_by = self._draft.words_fingerprint
        self._points.store({one.id: with_words(rows[one.id], one, read_by) for one in points})

    @full_disk.tells
    def delete(self, ids: Sequence[int]) -> None:
        """Remove points; unknown ids are ignored."""
        if self._whole is None and not self._points.would_be_too_much(ids):
            self._points.remove(check_ids(ids))
            return
        self._grown_up().delete(ids)

    @full_disk.tells
    def commit(self, *, final: bool = True) -> Manifest:
        """Make everything so far durable and visible; a commit of nothing new makes no generation."""
        if self._whole is not None:
            return self._whole.commit(final=final)
        if not self._points.changed and self._committed.manifest.folder == self._folder:
            return self._committed.manifest
        delta = self._points.delta()
        manifest = replace(
            self._draft,
            folder=self._folder,
            model=self._spec.name,
            count=len(self._points),
            generation=self._place.next_number(),
            committed_at=round(time.time(), 3),
        )
        before = self._committed.manifest.generation
        record = Record(manifest, before, final=True, boot=boot_id(), folder=self._folder)
        record = replace(record, whole=self._ground.record.manifest.generation, removed=tuple(sorted(delta.removed)))
        folder = self._place.begin_delta()
        record = replace(record, export=write_delta(folder, delta, manifest))
        write_record(folder / MANIFEST, record)
        self._place.publish(folder)
        garbage.collect(self._place, None)
        self._committed, self._draft = record, manifest
        self._points = Overlay(self._export, delta)
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
