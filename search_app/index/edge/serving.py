"""One generation being served: its owner process, and what keeps its files in place."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from search_app.errors import IndexUnavailable
from search_app.index.edge import garbage
from search_app.index.edge.deltas import Delta, add_delta, read_delta
from search_app.index.edge.export import is_good
from search_app.index.edge.generations import MANIFEST, SHARD, CollectionFolder, Lease
from search_app.index.edge.integrity import load_checked
from search_app.index.edge.locks import FileLock
from search_app.index.edge.process import ShardDamaged, ShardInUse
from search_app.index.edge.restoring import restore
from search_app.index.edge.shard import EdgeShard
from search_app.index.files import require_space, sync_tree
from search_app.index.graph import Shape
from search_app.index.manifest import Record, read_record

logger = logging.getLogger(__name__)

Private: TypeAlias = tuple[Path, FileLock]
"""A private copy and the lock that says it is in use."""
_REPAIR_PATIENCE_S = 120.0


@dataclass(slots=True)
class Serving:
    """A generation that answers, or one delta after the other over the same one.

    `users` counts requests under way, under the reader's lock.
    """

    place: CollectionFolder
    lease: Lease
    record: Record
    shard: EdgeShard
    private: Private | None
    delta: Delta
    """What the shard holds beyond the whole generation it was copied from; nothing where it is that one."""
    users: int = 0

    @property
    def ground(self) -> int:
        """The number of that whole generation."""
        return self.record.whole or self.record.manifest.generation

    def follow(self, lease: Lease, record: Record) -> None:
        """Answer from another delta over the same whole generation; nobody may be asking, `lease` is kept.

        Raises `IndexDamaged` or `DiskFull`; where the engine failed, its process has ended then.
        """
        delta = read_delta(lease.generation, record)
        require_space(self.place.path, 0)  # a full disk would be the end of the engine
        try:
            self.shard.apply(*delta.since(self.delta), record.manifest.count)
        except BaseException:
            self.shard.process.kill()  # half of it may be done
            raise
        before, self.lease = self.lease, lease
        self.record, self.delta = record, delta
        before.lock.release()
        garbage.leave(self.place, before.generation)

    def is_current(self) -> bool:
        """Whether `CURRENT` still names these files: not others, and not others under the same name."""
        signature = self.place.signature()
        if signature == self.lease.signature:
            return True
        same = self.place.current() == self.lease.generation and self.lease.lock.still_named()
        if same and signature is not None:
            self.lease = replace(self.lease, signature=signature)
        return same

    def close(self) -> None:
        """End the process, remove a private copy and let the generation be collected."""
        self.shard.close()
        _forget(self.place, self.private)
        self.lease.lock.release()
        garbage.leave(self.place, self.lease.generation)


def _forget(place: CollectionFolder, private: Private | None) -> None:
    if private is not None:
        place.drop(private[0])
        private[1].release()


def open_current(
    place: CollectionFolder, shape: Shape, start: Callable[[], EdgeShard], *, distrust: int = 0
) -> Serving | None:
    """The current generation, checked and warm, in the owner that `start` gives; None before the first commit.

    A shard that is owned by another process is copied for this one; a damaged one, and generation `distrust`,
    is rebuilt from its export. Raises `IndexDamaged` when that is not possible.
    """
    lease = place.lease()
    if lease is None:
        return None
    shard = beneath = None
    try:
        record = read_record(lease.generation / MANIFEST)
        ground = place.ground(lease.generation, record)
        beneath = place.share(ground.path)
        shard = start()
        opener = _Opener(place, ground.path, ground.record, shard, shape)
        private = opener.open(distrusted=record.manifest.generation == distrust, to_be_changed=bool(record.whole))
        try:
            delta = add_delta(shard, lease.generation, record)
        except BaseException:
            _forget(place, private)
            raise
    except BaseException:
        if shard is not None:
            shard.close()
        lease.lock.release()
        raise
    finally:
        if beneath is not None:
            beneath.release()
    return Serving(place, lease, record, shard, private, delta)


@dataclass(frozen=True, slots=True)
class _Opener:
    place: CollectionFolder
    generation: Path
    record: Record
    shard: EdgeShard
    shape: Shape

    def open(self, *, distrusted: bool, to_be_changed: bool) -> Private | None:
        """Open in place, else privately, as what is to be changed always is; returns the private copy and its lock."""
        if distrusted and is_good(self.generation, self.record.export):
            self._repair(ShardDamaged(f"the engine failed while it read {self.generation}"))
        if to_be_changed:
            return self._open_privately()
        try:
            self._load(self.generation)
        except ShardInUse:
            return self._open_privately()
        except ShardDamaged as damage:
            self._repair(damage)
            self._load(self.generation)
        return None

    def _load(self, folder: Path) -> None:
        load_checked(self.shard, folder / SHARD, self.record)

    def _open_privately(self) -> Private:
        garbage.sweep_copies(self.place)
        copy, lock = self.place.private_copy(self.generation)
        try:
            try:
                self._load(copy)
            except ShardDamaged as damage:
                self.place.drop(copy / SHARD)
                self._restore(copy / SHARD, damage)
                self._load(copy)
        except BaseException:
            self.place.drop(copy)
            lock.release()
            raise
        return copy, lock

    def _repair(self, damage: ShardDamaged) -> None:
        """Replace the shard by one made from the export; one process at a time does so."""
        lock = FileLock.take(self.place.path / "repair.lock", wait=_REPAIR_PATIENCE_S)
        if lock is None:
            raise IndexUnavailable(f"{self.generation} is being rebuilt by another process; ask again later")
        try:
            rebuilt = self.generation / f"{SHARD}.rebuilt"
            self.place.drop(rebuilt)
            self._restore(rebuilt, damage)
            if (self.generation / SHARD).exists():
                self.place.set_aside(self.generation)
            rebuilt.rename(self.generation / SHARD)
            sync_tree(self.generation)
        finally:
            lock.release()

    def _restore(self, target: Path, damage: ShardDamaged) -> None:
        logger.warning("%s; rebuilding generation %d from its export", damage, self.record.manifest.generation)
        restore(self.shard, self.generation, self.record, target, self.shape)
