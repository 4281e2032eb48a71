"""What a store of files can do, wherever it is: on this machine, on a web server, in an object store."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from search_app.images.scan import SkippedFile

_PIECE = 2**16
UNTOLD = "-"
"""Version of a file about which its store tells neither that nor a time: its size alone says whether it changed."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One file of a store."""

    path: str
    """Relative to the store's root, as the store spells it."""
    size_bytes: int
    mtime_ns: int
    """0 where the store does not tell."""
    version: str
    """ETag or its like; empty where the time is all there is."""


@dataclass(slots=True)
class Listing:
    """What a store holds."""

    files: list[StoredFile] = field(default_factory=list)
    skipped: list[SkippedFile] = field(default_factory=list)
    unseen: set[str] = field(default_factory=set)
    """Paths that could not be looked at this time."""


class ByteStream(Protocol):
    """A file read from its beginning."""

    def read(self, size: int = ..., /) -> bytes:
        """At most `size` bytes; none at the end."""
        ...


class FileStore(Protocol):
    """Files below one root. Safe to use from several threads."""

    def find(self, wanted: Callable[[str], bool], *, deep: bool) -> Listing:
        """The files whose path is `wanted`, in no order, right below the root or also further down.

        Raises `IngestError` where the store cannot be asked.
        """
        ...

    def stat(self, path: str) -> StoredFile:
        """One file; raises as `read` does."""
        ...

    def read(self, path: str, start: int = 0, size: int | None = None) -> bytes:
        """A file, or `size` bytes of it from `start`; fewer where it ends before.

        Raises `Unreadable`, `ImageTooLarge` and `Unreachable` as `Source.read` does.
        """
        ...

    def stream(self, path: str) -> AbstractContextManager[ByteStream]:
        """A file of any size, read piece by piece; raises as `read` does."""
        ...


def lines_of(stream: ByteStream, most: int) -> Iterator[bytes]:
    """The lines of a stream with their ends; of one longer than `most` comes what was read so far, which is more."""
    rest = b""
    while piece := stream.read(_PIECE):
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            yield line + b"\n"
        if len(rest) > most:
            yield rest
            rest = b""
    if rest:
        yield rest
