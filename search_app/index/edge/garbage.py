"""What is removed from a collection's folder: generations that nobody reads, and what killed processes left."""

import contextlib
import logging
import os
import shutil
import time
from pathlib import Path

from search_app.errors import IndexDamaged
from search_app.index.edge.generations import MANIFEST, CollectionFolder
from search_app.index.edge.locks import FileLock
from search_app.index.edge.pointer import committed
from search_app.index.manifest import read_record

logger = logging.getLogger(__name__)

_KEPT = "kept"
"""Marks a replaced generation that the writer keeps for a rollback."""
_STALE_AFTER_S = 60.0


def collect(place: CollectionFolder, keep: Path | None) -> None:
    """Remove committed generations that nobody reads, except the current one and `keep`; for the writer."""
    current, kept = _with_grounds(place, place.current()), _with_grounds(place, keep)
    for generation in kept - current:
        (generation / _KEPT).touch()
    for _, generation in list(committed(place.path)):
        if generation not in current | kept:
            _remove_unless_read(place, generation)
    sweep(place)


def leave(place: CollectionFolder, generation: Path) -> None:
    """Remove a generation that was just read, where it was replaced meanwhile and is not kept; for readers."""
    with contextlib.suppress(IndexDamaged):  # whoever opens the collection next says so
        needed = _with_grounds(place, place.current())
        if generation.is_dir() and generation not in needed and not (generation / _KEPT).exists():
            _remove_unless_read(place, generation)


def sweep(place: CollectionFolder) -> None:
    """Remove what killed writers and readers left, except the work that can be resumed; for the writer."""
    part = place.part()
    for entry in list(place.path.iterdir()):
        if entry.name.startswith("trash-"):
            shutil.rmtree(entry, ignore_errors=True)
        elif entry.suffix == ".copying" or (entry.suffix == ".part" and entry != part):
            place.drop(entry)
    sweep_copies(place)


def sweep_copies(place: CollectionFolder) -> None:
    """Remove the private copies of readers that have ended."""
    for entry in list(place.path.glob("*.reader-*")):
        if _abandoned(entry):
            _remove_unless_read(place, entry)


def _with_grounds(place: CollectionFolder, generation: Path | None) -> set[Path]:
    """This generation and the one beneath it."""
    if generation is None or not generation.is_dir():
        return set()
    with contextlib.suppress(IndexDamaged):  # whoever opens it says so
        return {generation, place.ground(generation, read_record(generation / MANIFEST)).path}
    return {generation}


def _remove_unless_read(place: CollectionFolder, folder: Path) -> None:
    try:
        lock = FileLock.take(folder / "lock")
        if lock is None:
            return
        try:
            place.drop(folder)
        finally:
            lock.release()
    except OSError as error:  # collecting is housekeeping: the next run tries again
        logger.warning("%s could not be removed: %s", folder, error)


def _abandoned(copy: Path) -> bool:
    try:
        os.kill(int(copy.name.rsplit("-", 2)[1]), 0)
    except (ProcessLookupError, ValueError):
        return True
    except PermissionError:
        pass
    # in containers process ids repeat, so an old copy is judged by its lock alone
    try:
        return time.time() - copy.stat().st_mtime > _STALE_AFTER_S
    except FileNotFoundError:
        return True
