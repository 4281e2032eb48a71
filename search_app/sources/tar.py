"""What a tar file holds, read once from beginning to end; nothing is unpacked, so no name in it can do harm.

`tarfile` of the standard library reads the headers. It would read any length that a header claims for a long name, so
it is given a file that refuses to.
"""

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass

from search_app.errors import Unreadable
from search_app.sources.stores import ByteStream

BLOCK = 512
MAX_HEADER_BYTES = 2**20
"""Of what stands before a member: its long name and other remarks."""
_DROPPED_AT_ONCE = 2**20


@dataclass(frozen=True, slots=True)
class TarMember:
    """One entry."""

    name: str
    """As it stands there, but for `./` at its beginning."""
    size_bytes: int
    mtime_ns: int
    offset: int
    """Where its content begins."""
    is_file: bool
    """A regular file whose content lies there in one piece."""


class TarReader:
    """Entries in their order; the content of the last one given can be read before the next is asked for."""

    def __init__(self, stream: ByteStream) -> None:
        self._file = _Forward(stream)
        self._last: TarMember | None = None

    def __iter__(self) -> Iterator[TarMember]:
        """Raises `Unreadable` where the file is no tar file, is damaged or ends too soon."""
        try:
            # What is not UTF-8 comes as lone surrogates, as in names of the file system.
            with tarfile.open(fileobj=self._file, mode="r:", encoding="utf-8", errors="surrogateescape") as tar:  # type: ignore[call-overload]
                while (entry := tar.next()) is not None:
                    tar.members = []  # it would keep them all
                    self._last = _member(entry)
                    yield self._last
        except (tarfile.TarError, ValueError, OverflowError) as error:
            raise Unreadable(f"no tar file, or damaged: {error}") from None
        if self._file.last.strip(b"\0"):
            raise Unreadable(f"damaged, or not complete, at byte {self._file.tell()}")

    def content(self, most: int) -> bytes:
        """Up to `most` bytes of the last entry."""
        assert self._last is not None  # noqa: S101 - asked for after it was given
        return self._file.take(min(self._last.size_bytes, most))


class _Forward:
    """A stream with as much of a file as `tarfile` needs: it goes forward, and only short pieces are read."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self._position = 0
        self.last = b""
        """What was read last: zeros or nothing where an archive ends as it should."""

    def read(self, size: int) -> bytes:
        if size > MAX_HEADER_BYTES:
            raise tarfile.ReadError(f"a header of {size} bytes")
        self.last = self.take(size)
        return self.last

    def take(self, size: int) -> bytes:
        found = self._stream.read(size)
        self._position += len(found)
        return found

    def tell(self) -> int:
        return self._position

    def seek(self, position: int) -> None:
        ahead = position - self._position
        if ahead < 0:
            raise tarfile.ReadError("an entry that begins before the one before it ends")
        if hasattr(self._stream, "seek"):
            self._stream.seek(position)
            self._position = position
            return
        while ahead > 0 and (dropped := self.take(min(ahead, _DROPPED_AT_ONCE))):
            ahead -= len(dropped)


def _member(entry: tarfile.TarInfo) -> TarMember:
    return TarMember(
        name=entry.name.removeprefix("./"),
        size_bytes=entry.size,
        mtime_ns=max(0, int(entry.mtime)) * 10**9,
        offset=entry.offset_data,
        is_file=entry.isreg() and not entry.issparse(),
    )
