"""Files in an object store, by fsspec: credentials are found where fsspec finds them, and kept nowhere else.

fsspec is what dask, pandas and pyarrow read object stores with; the file systems are s3fs, gcsfs and adlfs.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar

from search_app.errors import ImageError, ImageTooLarge, IngestError, MissingDependency, Unreachable, Unreadable
from search_app.sources.base import Limits
from search_app.sources.stores import UNTOLD, ByteStream, Listing, StoredFile

T = TypeVar("T")

PROTOCOLS = ("s3", "gs", "gcs", "az", "abfs", "memory")
INSTALL = "pip install -r requirements-scale.txt"
_STREAMED_AT_ONCE = 8 * 2**20
_ABSENT = (FileNotFoundError, IsADirectoryError)


class ObjectFiles:
    """Objects below a prefix; opened when it is first asked."""

    def __init__(self, address: str, limits: Limits) -> None:
        """`address` is `s3://bucket/prefix` without a slash at its end.

        Raises `MissingDependency` where the file system of that protocol is not installed.
        """
        self._address, self._limits = address, limits
        self._files = _open(address.partition("://")[0], limits)
        self._root: str = self._files._strip_protocol(address)  # noqa: SLF001 - how fsspec's own subclasses spell it

    def find(self, wanted: Callable[[str], bool], *, deep: bool = True) -> Listing:
        """The wanted objects below the prefix: one listing, however many there are."""
        try:
            found = self._files.find(self._root, detail=True, maxdepth=None if deep else 1)
        except Exception as error:  # the boundary: every store has exceptions of its own
            raise IngestError(f"{self._address} cannot be listed: {_told(error)}") from error
        if self._root in found:
            raise IngestError(f"{self._address} is one object: give the prefix that it lies under")
        start = len(self._root) + 1
        names = {name[start:]: info for name, info in found.items() if info.get("type") == "file"}
        return Listing([_stored(name, info) for name, info in names.items() if wanted(name)])

    def stat(self, path: str) -> StoredFile:
        """Size, time and ETag of one object."""
        return _stored(path, self._ask(lambda: self._call("info", self._at(path))))

    def read(self, path: str, start: int = 0, size: int | None = None) -> bytes:
        """Part of an object, or all of it up to the limit."""
        most = self._limits.max_bytes
        end = start + (most + 1 if size is None else size)
        found: bytes = self._ask(lambda: self._call("cat_file", self._at(path), start=start, end=end))
        if size is None and len(found) > most:
            raise ImageTooLarge(f"more than {most / 2**20:.0f} MiB")
        return found

    @contextmanager
    def stream(self, path: str) -> Iterator[ByteStream]:
        """Read an object from its beginning, some MiB ahead."""
        try:
            with self._files.open(self._at(path), "rb", block_size=_STREAMED_AT_ONCE, cache_type="readahead") as file:
                yield file
        except ImageError:
            raise
        except Exception as error:
            raise _ours(error) from error

    def _at(self, path: str) -> str:
        return f"{self._root}/{path}"

    def _call(self, method: str, *arguments: object, **named: object) -> Any:
        """Ask the file system, within the deadline where it can keep one."""
        if not self._files.async_impl:
            return getattr(self._files, method)(*arguments, **named)
        from fsspec.asyn import sync

        coroutine = getattr(self._files, f"_{method}")
        return sync(self._files.loop, coroutine, *arguments, timeout=self._limits.seconds, **named)

    def _ask(self, ask: Callable[[], T]) -> T:
        try:
            return ask()
        except Exception as error:
            raise _ours(error) from error


def _open(protocol: str, limits: Limits) -> Any:
    try:
        import fsspec

        options: dict[str, Any] = {}
        if protocol == "s3":
            patience = {"connect_timeout": min(limits.seconds, 10), "read_timeout": limits.seconds}
            options = {"config_kwargs": {**patience, "retries": {"max_attempts": limits.tries}}}
        return fsspec.filesystem(
            protocol, use_listings_cache=False, skip_instance_cache=protocol != "memory", **options
        )
    except ImportError as error:
        raise MissingDependency(f"reading {protocol}:// needs more packages ({error}): {INSTALL}") from None


def _stored(path: str, info: Mapping[str, Any]) -> StoredFile:
    version = str(info.get("ETag") or info.get("etag") or "").strip('"')
    moment = next((info[key] for key in ("LastModified", "mtime", "last_modified", "created") if info.get(key)), None)
    changed = _nanoseconds(moment)
    return StoredFile(path, int(info.get("size") or 0), changed, version or ("" if changed else UNTOLD))


def _nanoseconds(moment: object) -> int:
    if isinstance(moment, datetime):
        since = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - datetime(1970, 1, 1, tzinfo=UTC)
        return (since.days * 86_400 + since.seconds) * 10**9 + since.microseconds * 1000
    # To the microsecond, as a listing may give a number where a question about one file gives a date.
    return round(moment * 10**6) * 1000 if isinstance(moment, int | float) else 0


def _ours(error: Exception) -> ImageError:
    if isinstance(error, _ABSENT):
        return Unreadable("it is no longer there")
    if isinstance(error, PermissionError):
        return Unreachable("the store refuses to show it to these credentials")
    return Unreachable(f"the store gave no answer ({_told(error)})")


def _told(error: Exception) -> str:
    """What happened, in one line: a store may answer with pages."""
    if isinstance(error, TimeoutError | asyncio.TimeoutError):
        return "not in time"
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"[:200]
