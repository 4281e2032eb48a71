"""An embedded collection examined without changing it: the shard in a copy, the rest by reading."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from search_app.errors import NoIndexYet
from search_app.index.edge.deltas import COPIES, add_delta
from search_app.index.edge.export import is_good
from search_app.index.edge.generations import MANIFEST, SHARD, CollectionFolder, Ground
from search_app.index.edge.integrity import load_checked
from search_app.index.edge.shard import EdgeShard
from search_app.index.examined import Examined, FolderFacts
from search_app.index.files import copy_tree_sparse, real_size, require_space
from search_app.index.manifest import Record, read_record

_LEFT = (".part", ".copying")


@contextlib.contextmanager
def examined(index_dir: Path, collection: str, scratch: Path) -> Iterator[Examined]:
    """Open a copy of the current generation in the folder `scratch`: opening writes, and mends what it finds broken.

    Raises `NoIndexYet`, `IndexDamaged`, which says what is wrong, and `DiskFull` where there is no room for the copy.
    """
    place = CollectionFolder(index_dir, collection)
    lease = place.lease()
    if lease is None:
        raise NoIndexYet(f"collection {collection!r} is empty: run `python -m search_app index FOLDER` first")
    beneath = None
    try:
        record = read_record(lease.generation / MANIFEST)
        ground = place.ground(lease.generation, record)
        beneath = place.share(ground.path)
        require_space(scratch, real_size(ground.path / SHARD))
        copy_tree_sparse(ground.path / SHARD, scratch / SHARD)
        shard = EdgeShard()
        try:
            load_checked(shard, scratch / SHARD, ground.record)
            add_delta(shard, lease.generation, record)
            yield Examined(record.manifest, shard)
        finally:
            shard.close()
    finally:
        lease.lock.release()
        if beneath is not None:
            beneath.release()


def folder_facts(index_dir: Path, collection: str) -> FolderFacts | None:
    """Look at the folder of a collection; None where nothing was committed. Raises `IndexDamaged`."""
    place = CollectionFolder(index_dir, collection)
    generation = place.current()
    if generation is None:
        return None
    record = read_record(generation / MANIFEST)
    ground = place.ground(generation, record)
    entries = sorted(place.path.iterdir())
    is_left = [one for one in entries if one.suffix in _LEFT or one.name.startswith("trash-")]
    writer = _holder(place.path / "writer.lock")
    return FolderFacts(
        export="".join(f"{one} does not match its sums" for one in _harmed(generation, record, ground)[:1]),
        is_exported=bool(ground.record.export),
        leftovers=() if writer else tuple(one.name for one in is_left),
        set_aside=tuple(one.name for one in entries if one.name.startswith("damaged-")),
        writer=writer,
        size=real_size(ground.path / SHARD),
        changed=max(one.stat(follow_symlinks=False).st_mtime for one in (*entries, generation / MANIFEST)),
    )


def _harmed(generation: Path, record: Record, ground: Ground) -> list[Path]:
    """The exports that are not what was written: of the whole generation, and of a delta over it."""
    exports = [(ground.path, ground.record)] + (
        [(generation / name, record) for name in COPIES] if record.whole else []
    )
    return [folder for folder, one in exports if one.export and not is_good(folder, one.export)]


def _holder(path: Path) -> str:
    """Who holds a lock, as its file says; empty where nobody does."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return ""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return path.read_text(errors="replace") or "another process"
    finally:
        os.close(descriptor)  # which gives the lock back
    return ""
