"""The exact index in memory: the oracle that the engines are compared with, and an index for small scripts."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from search_app.datatypes import (
    EncoderSpec,
    FloatMatrix,
    FloatVector,
    Known,
    Manifest,
    Neighbours,
    Picture,
    Point,
    VectorQuery,
)
from search_app.errors import IndexInUse, NoIndexYet
from search_app.index.manifest import Record, check_model, fresh_manifest, grown, resumes
from search_app.index.ranking import page
from search_app.index.validate import check_ids, check_points, check_queries


@dataclass(frozen=True, slots=True)
class _Generation:
    record: Record
    pictures: dict[int, Picture]
    vectors: dict[int, FloatVector]
    ids: NDArray[np.int64]
    matrix: FloatMatrix


@dataclass(slots=True)
class _Draft:
    """What the writer changes; becomes a `_Generation` by a commit."""

    record: Record
    pictures: dict[int, Picture] = field(default_factory=dict)
    vectors: dict[int, FloatVector] = field(default_factory=dict)
    changed: bool = False

    def known(self) -> Iterator[Known]:
        return (Known(number, self.pictures[number]) for number in sorted(self.pictures))


class MemoryStore:
    """One collection in this process; it ends with the process."""

    def __init__(self, collection: str) -> None:
        self.collection = collection
        self.committed: _Generation | None = None
        self.draft: _Draft | None = None
        self.writing = threading.Lock()

    def reader(self) -> "MemoryReader":
        """Open for answering."""
        return MemoryReader(self)

    def writer(self, spec: EncoderSpec, folder: str, *, rebuild: bool = False) -> "MemoryWriter":
        """Open for changing; see `IndexStore.writer`."""
        return MemoryWriter(self, spec, folder, rebuild=rebuild)


class MemoryReader:
    """Answers from the newest commit of its store."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    def _generation(self) -> _Generation:
        if self._store.committed is None:
            raise NoIndexYet(f"collection {self._store.collection!r} is empty: nothing was committed yet")
        return self._store.committed

    def manifest(self) -> Manifest:
        """The manifest of the newest commit."""
        return self._generation().record.manifest

    def search(self, queries: Sequence[VectorQuery]) -> list[Neighbours]:
        """Compare with every vector."""
        generation = self._generation()
        check_queries(queries, generation.record.manifest.dim)
        units = [query.vector / np.linalg.norm(query.vector) for query in queries]
        return [page(q, generation.ids, generation.matrix @ unit) for q, unit in zip(queries, units, strict=True)]

    def fetch(self, ids: Sequence[int]) -> dict[int, Known]:
        """The payload of each id that exists."""
        pictures = self._generation().pictures
        return {number: Known(number, pictures[number]) for number in check_ids(ids) if number in pictures}

    def vectors(self, ids: Sequence[int]) -> dict[int, FloatVector]:
        """The unit vector of each id that exists."""
        vectors = self._generation().vectors
        return {number: vectors[number] for number in check_ids(ids) if number in vectors}

    def scan(self) -> Iterator[Known]:
        """Every picture in id order."""
        generation = self._generation()
        return (Known(int(number), generation.pictures[int(number)]) for number in generation.ids)

    def count(self) -> int:
        """How many pictures there are."""
        return len(self._generation().ids)

    def close(self) -> None:
        """Nothing is held."""


class MemoryWriter:
    """Makes the next generation out of a copy of the newest one."""

    def __init__(self, store: MemoryStore, spec: EncoderSpec, folder: str, *, rebuild: bool) -> None:
        self._store, self._folder = store, folder
        if not store.writing.acquire(blocking=False):
            raise IndexInUse(f"collection {store.collection!r} is being written: wait until that run has ended")
        try:
            self._draft = self._begin(spec, rebuild=rebuild)
        except BaseException:
            store.writing.release()
            raise
        self._open = True

    def _begin(self, spec: EncoderSpec, *, rebuild: bool) -> _Draft:
        committed = self._store.committed
        base = committed.record.manifest if committed else None
        if base and not rebuild:
            check_model(base, spec)
        draft = self._store.draft
        if draft and resumes(draft.record, base, spec, rebuild=rebuild):
            return draft
        if committed and base and not rebuild:
            draft = _Draft(Record(base, base=base.generation), dict(committed.pictures), dict(committed.vectors))
        else:
            empty = fresh_manifest(self._store.collection, spec, self._folder, base)
            draft = _Draft(Record(empty, base=empty.generation, rebuilt=base is not None), changed=True)
        self._store.draft = draft
        return draft

    def _grow(self, highest: int) -> None:
        self._draft.changed = True
        self._draft.record = replace(self._draft.record, manifest=grown(self._draft.record.manifest, highest))

    def manifest(self) -> Manifest:
        """The manifest this writer started from; `next_id` counts what it wrote since."""
        return self._draft.record.manifest

    def scan(self) -> Iterator[Known]:
        """Every picture in id order."""
        return self._draft.known()

    def vectors(self, ids: Sequence[int]) -> dict[int, FloatVector]:
        """The unit vector of each id that exists."""
        return {n: self._draft.vectors[n] for n in check_ids(ids) if n in self._draft.vectors}

    def upsert(self, points: Sequence[Point]) -> None:
        """Add or replace points."""
        rows = check_points(points, self._draft.record.manifest.dim)
        rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        for point, row in zip(points, rows, strict=True):
            self._draft.pictures[int(point.id)] = point.picture
            self._draft.vectors[int(point.id)] = row
        if points:
            self._grow(max(int(point.id) for point in points))

    def update_pictures(self, known: Sequence[Known]) -> None:
        """Replace the payload of existing points; raises `ValueError` for an id that is not there."""
        missing = [one.id for one in known if one.id not in self._draft.pictures]
        if missing:
            raise ValueError(f"no point has id {missing[0]}: only existing pictures can be updated")
        self._draft.pictures.update({one.id: one.picture for one in known})
        self._draft.changed = self._draft.changed or bool(known)

    def delete(self, ids: Sequence[int]) -> None:
        """Remove points; unknown ids are ignored."""
        for number in check_ids(ids):
            if self._draft.pictures.pop(number, None):
                del self._draft.vectors[number]
                self._draft.changed = True

    def commit(self, *, final: bool = True) -> Manifest:
        """Show the draft to readers; a commit of nothing new changes nothing."""
        draft = self._draft
        if not draft.changed and draft.record.manifest.folder == self._folder:
            return draft.record.manifest
        ids = np.array(sorted(draft.vectors), np.int64)
        manifest = replace(
            draft.record.manifest,
            folder=self._folder,
            count=len(ids),
            generation=draft.record.manifest.generation + 1,
        )
        matrix = np.array([draft.vectors[int(n)] for n in ids], np.float32).reshape(len(ids), manifest.dim)
        record = Record(manifest, base=manifest.generation, final=final)
        self._store.committed = _Generation(record, dict(draft.pictures), dict(draft.vectors), ids, matrix)
        draft.record, draft.changed = record, False
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
