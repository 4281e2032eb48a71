"""Generations of one collection in a folder: their names, their locks, how one is made and published.

    INDEX_DIR/COLLECTION/
      CURRENT                      names the generation that readers answer from
      writer.lock                  held by the one writer
      gen-000012/                  committed: never changed again
        manifest.json  lock        the lock is shared by those who read it
        shard/                     the engine's files, and their seal
        vectors.npy  points.jsonl  the export of a final generation
      gen-000013/                  committed too: a few changes of gen-000012, which stays as long as it is needed
        manifest.json  lock
        delta/  delta.copy/        all changes since, twice, in the form of an export
      gen-000014.part/             the writer's work; what a killed writer leaves is resumed or dropped
      gen-000012.reader-77-1/      a private copy, of a process that found the shard owned by another
      damaged-gen-000012/          a shard that did not open well, kept for inspection

`CURRENT` moves by an atomic rename after everything it names is on the disk, so a kill at any moment leaves a
collection that can be served. `garbage` removes what nobody needs any more.
"""

import contextlib
import itertools
import os
import shutil
import socket
import time
from dataclasses import dataclass
from pathlib import Path

from search_app.errors import IndexInUse
from search_app.index.edge.locks import FileLock
from search_app.index.edge.pointer import Pointer, committed
from search_app.index.files import Signature, copy_tree_sparse, real_size, require_space, sync_folder, sync_tree
from search_app.index.manifest import Record, read_record

SHARD = "shard"
MANIFEST = "manifest.json"
_copies = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Lease:
    """A generation that stays while the lock is held."""

    generation: Path
    signature: Signature
    """That of `CURRENT` when it named this generation."""
    lock: FileLock


@dataclass(frozen=True, slots=True)
class Ground:
    """The whole generation that a generation is, or is a delta of."""

    path: Path
    record: Record


class CollectionFolder:
    """One collection's folder; `path` is made with the rights of its owner only."""

    def __init__(self, index_dir: Path, collection: str) -> None:
        self.path = index_dir.absolute() / collection
        self.collection = collection
        self._pointer = Pointer(self.path)

    def create(self) -> None:
        """Make the folder, and those above it, where they are missing."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path.mkdir(mode=0o700, exist_ok=True)

    def signature(self) -> Signature | None:
        """Changes whenever `CURRENT` is moved; None while there is none."""
        return self._pointer.signature()

    def current(self) -> Path | None:
        """The generation that `CURRENT` names; None before the first commit. Raises `IndexDamaged`."""
        return self._pointer.generation()

    def find_current_again(self) -> None:
        """Name the newest generation where `CURRENT` is gone; for the writer."""
        self._pointer.find_again()

    def lease(self) -> Lease | None:
        """The current generation with a shared lock that keeps it from being collected; None before any commit."""
        while True:
            signature, generation = self.signature(), self.current()
            if generation is None or signature is None:
                self._pointer.refuse_to_be_gone()
                return None
            lock = self.share(generation)
            if lock is not None and self.signature() == signature:
                return Lease(generation, signature, lock)
            if lock is not None:
                lock.release()
            elif self.signature() == signature and not generation.is_dir():
                raise self._pointer.broken(f"names {generation.name}, which is gone")
            time.sleep(0.01)  # it is being replaced at this moment

    def ground(self, generation: Path, record: Record) -> Ground:
        """What lies beneath a generation, itself where it is whole; raises `IndexDamaged` where it is gone."""
        if not record.whole:
            return Ground(generation, record)
        path = self.path / f"gen-{record.whole:06d}"
        return Ground(path, read_record(path / MANIFEST))

    def share(self, generation: Path) -> FileLock | None:
        """Keep a generation from being collected; None where it is gone, or is being removed."""
        try:
            lock = FileLock.take(generation / "lock", shared=True)
        except (FileNotFoundError, NotADirectoryError):
            return None
        if lock is not None and not lock.still_named():
            lock.release()
            return None
        return lock

    def lock_for_writing(self) -> FileLock:
        """Become the one writer; raises `IndexInUse` saying who is."""
        self.create()
        path = self.path / "writer.lock"
        lock = FileLock.take(path)
        if lock is None:
            raise IndexInUse(
                f"collection {self.collection!r} is being written by {path.read_text() or 'another process'}: "
                f"wait until that run has ended"
            )
        lock.note(f"process {os.getpid()} on {socket.gethostname()}")
        return lock

    def next_number(self) -> int:
        """A number that no committed generation has or had."""
        return max((number for number, _ in committed(self.path)), default=0) + 1

    def part(self) -> Path:
        """Where the next generation is made."""
        return self.path / f"gen-{self.next_number():06d}.part"

    def begin_part(self, base: Path | None) -> Path:
        """Make the work folder, with a copy of the shard of `base` where there is one; raises `DiskFull`."""
        part = self.part()
        copying = part.with_suffix(".copying")
        self.drop(part)
        self.drop(copying)
        require_space(self.path, real_size(base / SHARD) if base else 0)
        copying.mkdir(mode=0o700)
        if base:
            copy_tree_sparse(base / SHARD, copying / SHARD)
        copying.rename(part)
        return part

    def begin_delta(self) -> Path:
        """Make the folder in which a delta is written; raises `DiskFull`. What a kill leaves of it is swept away."""
        folder = self.part().with_suffix(".copying")
        self.drop(folder)
        require_space(self.path, 0)
        folder.mkdir(mode=0o700)
        return folder

    def publish(self, part: Path) -> Path:
        """Turn the finished work folder into the current generation, durably."""
        generation = part.with_suffix("")
        (part / "lock").touch(mode=0o600)
        sync_tree(part)
        part.rename(generation)
        sync_folder(self.path)
        self._pointer.move(generation)
        return generation

    def private_copy(self, generation: Path) -> tuple[Path, FileLock]:
        """Make a folder for this process alone and copy a generation's shard there; raises `DiskFull`."""
        require_space(self.path, real_size(generation / SHARD))
        while True:
            path = self.path / f"{generation.name}.reader-{os.getpid()}-{next(_copies)}"
            path.mkdir(mode=0o700)
            lock = FileLock.take(path / "lock", wait=1.0)
            if lock is not None and lock.still_named():
                break
        try:
            if (generation / SHARD).is_dir():  # else whoever opens the copy finds it damaged
                copy_tree_sparse(generation / SHARD, path / SHARD)
        except BaseException:
            self.drop(path)
            lock.release()
            raise
        return path, lock

    def set_aside(self, generation: Path) -> None:
        """Move a damaged shard out of its generation; the newest one is kept for inspection."""
        for older in self.path.glob("damaged-*"):
            self.drop(older)
        (generation / SHARD).rename(self.path / f"damaged-{generation.name}")

    def drop(self, folder: Path) -> None:
        """Remove a folder so that a kill half way does not leave a piece under its name."""
        trash = self.path / f"trash-{folder.name}-{os.getpid()}-{next(_copies)}"
        with contextlib.suppress(FileNotFoundError):
            folder.rename(trash)
            shutil.rmtree(trash, ignore_errors=True)
