"""Files of this machine that hold or name pictures: shards, lists, and what lies beside a list."""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from search_app.errors import ImageError, ImageTooLarge, IngestError, Unreachable, Unreadable
from search_app.sources.base import Limits
from search_app.sources.names import refused
from search_app.sources.stores import Listing, StoredFile

_GONE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG})


class LocalFiles:
    """Regular files below a folder; a name that leads out of it, by links too, is refused."""

    def __init__(self, root: Path, limits: Limits) -> None:
        self._root, self._limits = root, limits

    def find(self, wanted: Callable[[str], bool], *, deep: bool = False) -> Listing:
        """The wanted files of the folder itself; shards and lists lie side by side."""
        if deep:
            raise ValueError("folders of this machine are walked by images.scan")
        listing = Listing()
        try:
            names = sorted(entry.name for entry in os.scandir(self._root) if wanted(entry.name))
        except OSError as error:
            raise IngestError(f"{self._root} cannot be read: {error.strerror}") from None
        for name in names:
            try:
                listing.files.append(self.stat(name))
            except ImageError as error:
                listing.unseen |= {name} if isinstance(error, Unreachable) else set()
                listing.skipped.append(refused(name, str(error)))
        return listing

    def stat(self, path: str) -> StoredFile:
        """Size and time of one file."""
        try:
            status = self._inside(path).stat()
        except OSError as error:
            raise _ours(error) from None
        if not stat.S_ISREG(status.st_mode):
            raise Unreadable("not a regular file (a folder, FIFO, socket or device)")
        return StoredFile(path, status.st_size, status.st_mtime_ns, "")

    def read(self, path: str, start: int = 0, size: int | None = None) -> bytes:
        """Part of a file, or all of it up to the limit."""
        most = self._limits.max_bytes
        with self.stream(path) as stream:
            stream.seek(start)
            found = stream.read(most + 1 if size is None else size)
        if size is None and len(found) > most:
            raise ImageTooLarge(f"more than {most / 2**20:.0f} MiB")
        return found

    @contextmanager
    def stream(self, path: str) -> Iterator[BinaryIO]:
        """Open a file; a FIFO is never opened."""
        self.stat(path)
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        try:
            with os.fdopen(os.open(self._inside(path), flags), "rb") as file:
                yield file
        except OSError as error:
            raise _ours(error) from None

    def _inside(self, path: str) -> Path:
        try:
            found = (self._root / path).resolve()
        except (OSError, RuntimeError, ValueError) as error:  # a loop of links, or a NUL in the name
            raise Unreadable(f"cannot be read: {getattr(error, 'strerror', None) or error}") from None
        if not found.is_relative_to(self._root):
            raise Unreadable("it leads out of the folder that is read")
        return found


def _ours(error: OSError) -> ImageError:
    """Where the system refuses or fails, nobody knows whether the file is still what it was."""
    reason = f"cannot be read: {error.strerror or error}"
    return Unreadable(reason) if error.errno in _GONE else Unreachable(reason)
