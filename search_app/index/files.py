"""Files that survive a crash, copies that keep holes, and the guard against a full disk."""

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from search_app.errors import DiskFull

LEAST_FREE_BYTES = 200 * 1024**2
"""The engine writes files of 32 MB at a time and dies by SIGBUS when the disk is full."""
_FICLONE = 0x40049409
"""Linux: share the extents of another file (btrfs, XFS, bcachefs)."""
_PIECE = 1024**2


def write_atomically(path: Path, content: bytes) -> None:
    """Replace `path` by a file with `content`, synced to disk together with its folder."""
    beside = path.with_name(f"{path.name}.new")
    with beside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    sync_folder(path.parent)


DIGEST = "digest"
"""Under this name a JSON object carries `digest_of` itself."""
Signature: TypeAlias = tuple[int, int, int]
"""What differs between a file and another one that took its place."""


def digest_of(content: Mapping[str, Any]) -> str:
    """BLAKE2b-128 of all fields of a JSON object but its digest: one flipped digit can make ids be given twice."""
    rest = {name: value for name, value in content.items() if name != DIGEST}
    return hashlib.blake2b(json.dumps(rest, sort_keys=True).encode(), digest_size=16).hexdigest()


def write_object(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON object and its digest, as `write_atomically` does."""
    write_atomically(path, json.dumps({**content, DIGEST: digest_of(content)}, indent=1).encode())


def signature_of(path: Path) -> Signature | None:
    """Changes whenever the file is replaced; None while there is none."""
    try:
        stat = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return stat.st_ino, stat.st_mtime_ns, stat.st_size


def boot_id() -> str:
    """Of this start of the machine; empty where the system tells none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def sync_folder(folder: Path) -> None:
    """Make created, renamed and removed names in `folder` durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """Make every file and folder under `folder` durable."""
    for where, _, names in os.walk(folder):
        for name in names:
            descriptor = os.open(os.path.join(where, name), os.O_RDONLY)  # noqa: PTH118 - os.walk gives strings
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        sync_folder(Path(where))


def real_size(folder: Path) -> int:
    """Bytes that the files under `folder` take on the disk; holes do not count."""
    total = 0
    for where, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                total += os.lstat(os.path.join(where, name)).st_blocks * 512  # noqa: PTH118
    return total


def require_space(folder: Path, size: int) -> None:
    """Raise `DiskFull` unless twice `size`, and 200 MB at least, are free where `folder` is."""
    needed = max(LEAST_FREE_BYTES, 2 * size)
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise DiskFull(
            f"the disk that holds {folder} has {free / 1e6:.0f} MB free, a safe write needs {needed / 1e6:.0f} MB: "
            f"free some space or move SEARCH_INDEX_DIR, then run again (what was committed is safe)"
        )


def copy_tree_sparse(source: Path, target: Path) -> None:
    """Copy a folder of regular files to a new folder, sharing extents or keeping holes where possible."""
    target.mkdir(mode=0o700)
    with os.scandir(source) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                copy_tree_sparse(Path(entry.path), target / entry.name)
            else:
                copy_file_sparse(Path(entry.path), target / entry.name)


def copy_file_sparse(source: Path, target: Path) -> None:
    """Copy one file; holes and pages of zeros take no space in the copy."""
    with source.open("rb", buffering=0) as reading, target.open("xb", buffering=0) as writing:
        if _clone(reading.fileno(), writing.fileno()):
            return
        size = os.fstat(reading.fileno()).st_size
        writing.truncate(size)
        for start, end in data_ranges(reading.fileno(), size):
            _copy_range(reading.fileno(), writing.fileno(), start, end)


def _clone(reading: int, writing: int) -> bool:
    if sys.platform != "linux":
        return False
    try:
        fcntl.ioctl(writing, _FICLONE, reading)
    except OSError:
        return False
    return True


def data_ranges(descriptor: int, size: int) -> Iterator[tuple[int, int]]:
    """The (start, end) of the parts that hold data; the whole file where the system cannot tell."""
    end = 0
    while end < size:
        try:
            start = os.lseek(descriptor, end, os.SEEK_DATA)
            end = os.lseek(descriptor, start, os.SEEK_HOLE)
        except OSError as error:
            if error.errno == errno.ENXIO:  # nothing but a hole up to the end
                return
            start, end = end, size
        yield start, min(end, size)


def _copy_range(reading: int, writing: int, start: int, end: int) -> None:
    os.lseek(reading, start, os.SEEK_SET)
    zeros = bytes(_PIECE)
    while start < end:
        piece = os.read(reading, min(_PIECE, end - start))
        if not piece:
            return
        if piece != zeros[: len(piece)]:
            os.lseek(writing, start, os.SEEK_SET)
            rest = memoryview(piece)
            while rest:
                rest = rest[os.write(writing, rest) :]
        start += len(piece)
