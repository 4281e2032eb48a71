"""The writer of the exact index in memory."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
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
from search_app.errors import IndexInUse
from search_app.index.manifest import Record, check_model, fresh_manifest, grown, holds, resumes, with_words
from search_app.index.memory.generation import Commits, Draft
from search_app.index.validate import check_existing, check_ids, check_pictures, check_points, check_whole, check_words


class MemoryWriter:
    """Makes the next generation out of a copy of the newest one."""

    def __init__(self, store: Commits, spec: EncoderSpec, folder: str, *, rebuild: bool) -> None:
        self._store, self._folder = store, folder
        if not store.writing.acquire(blocking=False):
            raise IndexInUse(f"collection {store.collection!r} is being written: wait until that run has ended")
        try:
            self._draft = self._begin(spec, rebuild=rebuild)
        except BaseException:
            store.writing.release()
            raise
        self._open = True

    def _begin(self, spec: EncoderSpec, *, rebuild: bool) -> Draft:
        committed = self._store.committed
        base = committed.record.manifest if committed else None
        if base and not rebuild:
            check_model(base, spec)
        draft = self._store.draft
        self._resumed = False
        if draft and resumes(draft.record, base, spec, self._folder, rebuild=rebuild):
            self._resumed = draft.changed
            return draft
        if committed and base and not rebuild:
            record = Record(base, base=base.generation, folder=self._folder)
            draft = Draft(record, {**committed.pictures}, {**committed.vectors}, {**committed.words})
        else:
            empty = fresh_manifest(self._store.collection, spec, self._folder, base)
            begun = Record(empty, base=empty.generation, rebuilt=base is not None, folder=self._folder)
            draft = Draft(begun, changed=True)
        self._store.draft = draft
        return draft

    def _grow(self, highest: int) -> None:
        self._draft.changed = True
        self._draft.record = replace(self._draft.record, manifest=grown(self._draft.record.manifest, highest))

    def manifest(self) -> Manifest:
        """The manifest this writer started from; `next_id` counts what it wrote since."""
        return self._draft.record.manifest

    def resumed(self) -> bool:
        """Whether it goes on with what an interrupted run had stored."""
        return self._resumed

    def fetch(self, ids: Sequence[int]) -> dict[int, Known]:
        """The payload of each id that exists."""
        generation = self._draft.generation()
        return {number: generation.known(number) for number in check_ids(ids) if number in generation.pictures}

    def scan(self) -> Iterator[Known]:
        """Every picture in id order."""
        return self._draft.generation().scan()

    def vectors(self, ids: Sequence[int]) -> dict[int, FloatVector]:
        """The unit vector of each id that exists."""
        return {n: self._draft.vectors[n] for n in check_ids(ids) if n in self._draft.vectors}

    def words(self, ids: Sequence[int]) -> dict[int, PrintedWords]:
        """The words of each id whose words were read."""
        return {n: self._draft.words[n].words for n in check_ids(ids) if n in self._draft.words}

    def points(self, after: int = 0) -> Iterator[WholePoint]:
        """Every point above id `after`, in id order."""
        return self._draft.generation().points(after)

    def search(self, queries: Sequence[VectorQuery]) -> list[Neighbours]:
        """Compare with every vector written so far."""
        return self._draft.generation().search(queries)

    def write(self, points: Sequence[WholePoint]) -> None:
        """Add or replace points with their words; see `IndexWriter.write`."""
        manifest = self._draft.record.manifest
        rows = check_whole(points, manifest.dim, manifest.words_dim)
        for point, row in zip(points, rows, strict=True):
            self._draft.pictures[int(point.id)] = point.picture
            self._draft.vectors[int(point.id)] = row
            self._draft.words.pop(int(point.id), None)
            if point.words is not None:
                self._draft.words[int(point.id)] = point.words
        if points:
            self._grow(max(int(point.id) for point in points))

    def reserve(self, next_id: int) -> None:
        """Raise the high-water mark; see `IndexWriter.reserve`."""
        if next_id > self._draft.record.manifest.next_id:
            self._grow(next_id - 1)

    def upsert(self, points: Sequence[Point]) -> None:
        """Add or replace points."""
        rows = check_points(points, self._draft.record.manifest.dim)
        rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        for point, row in zip(points, rows, strict=True):
            self._draft.pictures[int(point.id)] = point.picture
            self._draft.vectors[int(point.id)] = row
            self._draft.words.pop(int(point.id), None)
        if points:
            self._grow(max(int(point.id) for point in points))

    def update_pictures(self, known: Sequence[Known]) -> None:
        """Replace the payload of existing points; raises `ValueError` for an id that is not there."""
        check_pictures([one.picture for one in known])
        check_existing([one.id for one in known], self._draft.pictures)
        self._draft.pictures.update({one.id: one.picture for one in known})
        self._draft.changed = self._draft.changed or bool(known)

    def open_words(self, spec: WordsSpec) -> None:
        """Make room for words; see `IndexWriter.open_words`."""
        draft = self._draft
        if not holds(draft.record.manifest, spec):
            draft.record = replace(draft.record, manifest=with_words(draft.record.manifest, spec))
            draft.words, draft.changed = {}, True

    def update_words(self, points: Sequence[WordsPoint]) -> None:
        """Add or replace the words of existing points; see `IndexWriter.update_words`."""
        check_words(points, self._draft.record.manifest.words_dim)
        check_existing([one.id for one in points], self._draft.pictures)
        self._draft.words.update({one.id: one for one in points})
        self._draft.changed = self._draft.changed or bool(points)

    def delete(self, ids: Sequence[int]) -> None:
        """Remove points; unknown ids are ignored."""
        for number in check_ids(ids):
            if self._draft.pictures.pop(number, None):
                del self._draft.vectors[number]
                self._draft.words.pop(number, None)
                self._draft.changed = True

    def commit(self, *, final: bool = True) -> Manifest:
        """Show the draft to readers; a commit of nothing new changes nothing."""
        draft = self._draft
        if not draft.changed and draft.record.manifest.folder == self._folder:
            return draft.record.manifest
        manifest = replace(
            draft.record.manifest,
            folder=self._folder,
            count=len(draft.vectors),
            generation=draft.record.manifest.generation + 1,
            committed_at=round(time.time(), 3),
        )
        draft.record, draft.changed = (
            Record(manifest, base=manifest.generation, final=final, folder=self._folder),
            False,
        )
        self._store.committed = draft.generation()
        return manifest

    def close(self) -> None:
        """End without another commit; a later writer of the same model resumes the draft."""
        if self._open:
            self._open = False
            self._store.writing.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
