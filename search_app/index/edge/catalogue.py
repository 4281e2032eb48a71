"""The collections in a folder of this machine, and the aliases that stand for them."""

import itertools
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from search_app.errors import IndexInUse, NoIndexYet, VectorIndexError
from search_app.index.aliases import Aliases, is_name
from search_app.index.catalogue import Catalogue, CollectionFacts
from search_app.index.edge.alias_file import AliasFile
from search_app.index.edge.generations import MANIFEST, SHARD, CollectionFolder
from search_app.index.edge.integrity import load_checked
from search_app.index.edge.locks import FileLock
from search_app.index.edge.pointer import committed
from search_app.index.edge.process import ShardDamaged, ShardInUse
from search_app.index.edge.shard import EdgeShard
from search_app.index.edge.store import EdgeStore
from search_app.index.files import real_size, sync_folder
from search_app.index.manifest import read_record

_SWITCH_WAITS_S = 60.0
_DROP_WAITS_S = 5.0
"""For a service that was told of a switch just now and ends what it had begun."""
_TRASH = "_trash-"
_OF_A_COLLECTION = re.compile(r"CURRENT|CURRENT\.new|(writer|repair)\.lock|(gen|damaged-gen|trash)-.+")
_removals = itertools.count(1)


class EdgeShelf:
    """`INDEX_DIR`: a folder for each collection, and one file of aliases."""

    def __init__(self, index_dir: Path) -> None:
        self._dir = index_dir.absolute()
        self._file = AliasFile(self._dir)

    def collections(self) -> list[str]:
        """Their names; of what else lies there nothing is one."""
        try:
            entries = list(self._dir.iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return []
        return [one.name for one in entries if is_name(one.name) and _is_collection(one)]

    def facts(self, collection: str) -> CollectionFacts:
        """What a collection is: its manifest, and what its folder takes."""
        place = self._place(collection)
        manifest, fault = None, ""
        try:
            generation = place.current()
            if generation is not None:
                manifest = read_record(generation / MANIFEST).manifest
        except VectorIndexError as error:
            fault = str(error)
        return CollectionFacts(collection, manifest, real_size(place.path), fault)

    def aliases(self) -> Aliases:
        """What is kept."""
        return self._file.read()

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Be the one who changes aliases and drops collections."""
        self._dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._dir / "_aliases.lock"
        lock = FileLock.take(path, wait=_SWITCH_WAITS_S)
        if lock is None:
            holder = path.read_text(errors="replace") or "another process"
            raise IndexInUse(f"the aliases in {self._dir} are being changed by {holder}: try again when it has ended")
        lock.note(f"process {os.getpid()}")
        try:
            yield
        finally:
            lock.release()

    def replace(self, before: Aliases, after: Aliases) -> None:
        """Keep `after`; what did not change is not written."""
        if after != before:
            self._file.write(after)

    def check(self, collection: str) -> None:
        """Open the current generation as a reader would, which rebuilds a damaged one from its export."""
        place = self._place(collection)
        lease = place.lease()
        if lease is None:
            raise NoIndexYet(
                f"collection {collection!r} is empty: fill it first, by `index FOLDER --into {collection}`"
            )
        try:
            opens = _opens_in_place(lease.generation)
        finally:
            lease.lock.release()
        if not opens:
            with closing(EdgeStore(self._dir, collection).reader()) as reader:
                reader.manifest()

    def remove(self, collection: str) -> None:
        """Move the folder out of its name, then delete it: a kill half way leaves nothing that could be opened."""
        place = self._place(collection)
        _refuse_strangers(place.path)
        trash = self._dir / f"{_TRASH}{collection}-{os.getpid()}-{next(_removals)}"
        with ExitStack() as held:
            held.callback(place.lock_for_writing().release)
            for _, generation in committed(place.path):
                held.callback(_lock_out_readers(generation, collection).release)
            place.path.rename(trash)
            sync_folder(self._dir)
        for left in self._dir.glob(f"{_TRASH}*"):
            shutil.rmtree(left, ignore_errors=True)

    def close(self) -> None:
        """Nothing is held."""

    def _place(self, collection: str) -> CollectionFolder:
        return CollectionFolder(self._dir, collection)


def edge_catalogue(index_dir: Path) -> Catalogue:
    """The catalogue of a folder of embedded collections; the folder need not be there yet."""
    return Catalogue(EdgeShelf(index_dir))


def _is_collection(folder: Path) -> bool:
    """Whether a writer ever began here: `writer.lock` is there from then on, but not in what was copied by hand."""
    if not folder.is_dir():
        return False
    return any((folder / name).is_file() for name in ("CURRENT", "writer.lock")) or any(committed(folder))


def _opens_in_place(generation: Path) -> bool:
    """Whether a shard opens well, be it in another process, and no copy has to be made to find out."""
    record = read_record(generation / MANIFEST)
    if record.whole:  # a delta, which has no shard
        return False
    shard = EdgeShard()
    try:
        load_checked(shard, generation / SHARD, record)
    except ShardInUse:
        return True
    except ShardDamaged:
        return False
    finally:
        shard.close()
    return True


def _refuse_strangers(folder: Path) -> None:
    """Raise `VectorIndexError` where removing the folder would remove more than a collection."""
    if folder.is_symlink():
        raise VectorIndexError(f"{folder} is a link: remove it, and what it leads to, by hand")
    strangers = [one.name for one in sorted(folder.iterdir()) if not _OF_A_COLLECTION.fullmatch(one.name)]
    if strangers:
        raise VectorIndexError(
            f"{folder} holds {strangers[0]!r}, which is no part of a collection: nothing was removed; move it away, "
            f"then try again"
        )


def _lock_out_readers(generation: Path, collection: str) -> FileLock:
    lock = FileLock.take(generation / "lock", wait=_DROP_WAITS_S)
    if lock is None:
        raise IndexInUse(
            f"collection {collection!r} is open in another process: end it, or let it follow an alias to another "
            f"collection, then drop this one"
        )
    return lock
