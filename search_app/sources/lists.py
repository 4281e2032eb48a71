"""Lists of pictures: CSV with a header, JSON Lines or Parquet. One column names the picture, the others describe it.

A picture is named by its path relative to the list, or by its address. A list may have been made by a stranger: paths
do not lead out of its folder, and web addresses are fetched as `fetching` does, from public addresses only, unless they
are of the very server that gives the list.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from ipaddress import ip_network
from threading import Lock
from urllib.parse import urlsplit

from search_app.datatypes import UNKNOWN_SIZE, ImageRef, MetaValue, PrintedWords
from search_app.errors import BadRequest, ImageError, IngestError, Unreachable, Unreadable
from search_app.images.scan import ScanResult, SkippedFile
from search_app.sources.base import Limits
from search_app.sources.locations import STORES, WEB, Location, matches, names_of
from search_app.sources.names import fault_of, fault_of_text, refused, suffix_of
from search_app.sources.rows import BadLine, Row, csv_rows, json_rows
from search_app.sources.stores import UNTOLD, FileStore, lines_of
from search_app.sources.tree import read_whole

KEYS = ("path", "url", "file", "filename")
MAX_LINE_BYTES = 2**20
_EVERYWHERE = (ip_network("0.0.0.0/0"), ip_network("::/0"))
_SIGNED = re.compile(r"[?&](X-Amz-|X-Goog-|AWSAccessKeyId=|Signature=|sig=|token=|access_token=)", re.IGNORECASE)


class ListSource:
    """The pictures that one or several lists name."""

    def __init__(
        self, location: Location, store: FileStore, open_store: Callable[[str], FileStore], limits: Limits
    ) -> None:
        """`store` holds the lists, `open_store` opens the root of an object store that one of them names."""
        self._location, self._store, self._open, self._limits = location, store, open_store, limits
        self._stores: dict[str, FileStore] = {}
        self._lock = Lock()

    @property
    def location(self) -> str:
        """The lists as they were named."""
        return self._location.text

    def scan(self) -> ScanResult:
        """Read the lists; only files of this machine are looked at, nothing else is asked."""
        found: dict[str, ImageRef] = {}
        skipped: list[SkippedFile] = []
        unseen: set[str] = set()
        meta: dict[str, Mapping[str, MetaValue]] = {}
        for name in self._lists():
            for row in self._rows(name):
                where = f"{name}, line {row.line}"
                try:
                    ref = self._entry(row.name)
                except ImageError as error:
                    unseen |= {row.name} if isinstance(error, Unreachable) else set()
                    skipped.append(refused(_shown(row.name) or where, f"{error} ({where})"))
                    continue
                if ref.path in found:
                    skipped.append(refused(ref.path, f"named a second time: the first one counts ({where})"))
                    continue
                found[ref.path] = ref
                if row.values:
                    meta[ref.path] = row.values
        return ScanResult(
            found=sorted(found.values(), key=lambda ref: ref.path),
            skipped=sorted(skipped, key=lambda item: item.path),
            unseen=frozenset(unseen),
            meta=meta,
        )

    def read(self, ref: ImageRef) -> bytes:
        """The picture at a path or an address."""
        scheme, _, rest = ref.path.partition("://")
        if not rest:
            return read_whole(self._store, ref, self._limits)
        if scheme in WEB:
            return self._fetch(ref.path)
        bucket, _, key = rest.partition("/")
        with self._lock:
            store = self._stores.setdefault(f"{scheme}://{bucket}", self._open(f"{scheme}://{bucket}"))
        return store.read(key)

    def words_beside(self, path: str) -> PrintedWords | None:
        """Nothing: what a list knows stands in its columns."""
        del path
        return None

    def _lists(self) -> Sequence[str]:
        names = names_of(self._location.pattern)
        if names is None:
            listing = self._store.find(lambda name: matches(self._location.pattern, name), deep=False)
            names = sorted(file.path for file in listing.files)
            if not names:
                raise IngestError(f"{self.location}: there is no such list")
        return names

    def _rows(self, name: str) -> Iterable[Row]:
        """The rows of one list; raises `IngestError` that names the line where it cannot be read."""
        try:
            with self._store.stream(name) as stream:
                if suffix_of(name) == ".parquet":
                    from search_app.sources.parquet import parquet_rows

                    yield from parquet_rows(stream, KEYS)
                    return
                lines = _text(lines_of(stream, MAX_LINE_BYTES))
                is_json = suffix_of(name) in {".jsonl", ".ndjson"}
                yield from json_rows(lines, KEYS) if is_json else csv_rows(lines, KEYS, lambda _key, found: found)
        except BadLine as problem:
            raise IngestError(f"{name}, line {problem.line}: {problem.reason}. Nothing was changed") from None
        except ImageError as error:
            raise IngestError(f"the list {name} cannot be read: {error}. Nothing was changed") from None

    def _entry(self, name: str) -> ImageRef:
        """What a row names; raises `Unreadable` with the reason where that is nothing to be read."""
        if "://" in name:
            fault = _fault_of_address(name)
            if fault:
                raise Unreadable(fault)
            return ImageRef(name, UNKNOWN_SIZE, 0, UNTOLD)
        path = name.removeprefix("./")
        if self._location.is_local:
            path = path.removeprefix(f"{self._location.root.rstrip('/')}/")
        fault = fault_of(path)
        if fault:
            raise Unreadable(fault)
        if not self._location.is_local:
            return ImageRef(path, UNKNOWN_SIZE, 0, UNTOLD)
        file = self._store.stat(path)
        return ImageRef(path, file.size_bytes, file.mtime_ns, file.version)

    def _fetch(self, address: str) -> bytes:
        """A picture of the web; from this network only where the list itself comes from the same server."""
        import anyio

        from search_app.sources.fetching import FetchRules, PictureFetcher

        most = self._limits.max_bytes
        rules = FetchRules(seconds=self._limits.seconds, max_bytes=most)
        origin = urlsplit(address)[:2]
        if origin == urlsplit(self._location.root)[:2]:
            port = urlsplit(address).port or {"http": 80, "https": 443}[origin[0]]
            rules = FetchRules(frozenset({port}), _EVERYWHERE, self._limits.seconds, most, redirects=0)

        async def fetch() -> bytes:
            return (await PictureFetcher(rules).fetch({"it": address}))[address]

        try:
            return anyio.run(fetch)
        except BadRequest as error:
            raise Unreachable(str(error).partition(":")[0]) from None


def _shown(name: str) -> str:
    """A name for a report: without what may be a password or a signature."""
    return re.sub(r"(://)[^/@]*@", r"\1...@", name).partition("?")[0] if "://" in name else name


def _fault_of_address(address: str) -> str:
    scheme, _, rest = address.partition("://")
    host, _, path = rest.partition("/")
    if scheme not in (*WEB, *STORES):
        return f"an address with {scheme[:20]}:// is not read"
    if "@" in host:
        return "an address with a user's name or password in it is not taken"
    if _SIGNED.search(rest):
        return "an address with a key or a signature in it is not taken: it would be stored and shown"
    if not host or not path or any(ord(letter) <= 32 or ord(letter) == 127 for letter in address):
        return "no address of a picture"
    return fault_of(path) if scheme in STORES else fault_of_text(address)


def _text(lines: Iterator[bytes]) -> Iterator[str]:
    for number, line in enumerate(lines, 1):
        if len(line) > MAX_LINE_BYTES:
            raise BadLine(number, f"longer than {MAX_LINE_BYTES >> 20} MiB: is it the right file?")
        try:
            yield line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError:
            raise BadLine(number, "not UTF-8: save it in that encoding") from None
