"""Files below an address of a web server whose folders are pages of links, as nginx and Apache make them.

httpx, which the client of the service uses too: its answers can be read to a limit. A redirect is not followed: it is
whoever indexes who says where pictures come from, not the server.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from html.parser import HTMLParser
from typing import TypeVar
from urllib.parse import quote, unquote, urldefrag, urljoin

import httpx

from search_app import __version__
from search_app.errors import ImageError, ImageTooLarge, IngestError, Unreachable, Unreadable
from search_app.sources.base import Limits
from search_app.sources.names import refused
from search_app.sources.stores import UNTOLD, Listing, StoredFile

T = TypeVar("T")

MAX_PAGE_BYTES = 32 * 2**20
MAX_DEPTH = 32
MAX_FOLDERS = 100_000
"""A server that makes up folders without end is given up at either."""
_AT_ONCE = 16
_PAUSE_S = 0.5
_PIECE = 2**16
_GONE = frozenset({404, 410})
_REFUSED = frozenset({401, 403})
_PAST_THE_END = 416


class HttpFiles:
    """Files below an address. Nothing is asked before it is needed."""

    def __init__(self, address: str, limits: Limits) -> None:
        """`address` has no slash at its end, no login, no query and no fragment."""
        self._address, self._limits = address, limits
        self._client = httpx.Client(
            timeout=httpx.Timeout(limits.seconds, connect=min(limits.seconds, 10)),
            limits=httpx.Limits(max_connections=4 * _AT_ONCE),
            # What is read is what counts towards the limit, so nothing is to come compressed.
            headers={"User-Agent": f"search_app/{__version__}", "Accept-Encoding": "identity"},
        )

    def find(self, wanted: Callable[[str], bool], *, deep: bool = True) -> Listing:
        """Walk the pages of links, then ask for size and version of each wanted file, several at once."""
        listing = Listing()
        names: list[str] = []
        folders, seen = [""], {""}
        while folders:
            folder = folders.pop()
            try:
                below, files = self._links(folder)
            except ImageError as error:
                if not folder:
                    raise IngestError(f"{self._address}/ cannot be listed: {error}") from None
                listing.unseen.add(folder.rstrip("/"))
                listing.skipped.append(refused(folder.rstrip("/"), f"the folder cannot be listed: {error}"))
                continue
            names += [name for name in files if wanted(name)]
            new = [name for name in below if name not in seen] if deep else []
            if (new and folder.count("/") >= MAX_DEPTH) or len(seen) + len(new) > MAX_FOLDERS:
                raise IngestError(f"{self._address}/ has folders without end, such as {new[0]}: give one of them")
            seen.update(new)
            folders += new
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="http") as pool:
            for name, found in zip(names, pool.map(self._look_at, names), strict=True):
                if isinstance(found, StoredFile):
                    listing.files.append(found)
                else:
                    listing.unseen |= {name} if isinstance(found, Unreachable) else set()
                    listing.skipped.append(refused(name, str(found)))
        return listing

    def stat(self, path: str) -> StoredFile:
        """What the headers say about one file."""
        with self._answer("HEAD", path) as answer:
            headers = answer.headers
        size, version = headers.get("content-length", ""), headers.get("etag", "")
        changed = _nanoseconds(headers.get("last-modified", ""))
        if not size.isdecimal():
            raise Unreadable("the server does not say how long the file is")
        return StoredFile(path, int(size), changed, version or ("" if changed else UNTOLD))

    def read(self, path: str, start: int = 0, size: int | None = None) -> bytes:
        """Part of a file, or all of it up to the limit; asked again where there was no answer."""
        most = self._limits.max_bytes
        for left in reversed(range(self._limits.tries)):
            try:
                found = self._read(path, start, most + 1 if size is None else size)
                break
            except Unreachable:
                if not left:
                    raise
                time.sleep(_PAUSE_S)
        if size is None and len(found) > most:
            raise ImageTooLarge(f"more than {most / 2**20:.0f} MiB")
        return found

    @contextmanager
    def stream(self, path: str) -> "Iterator[_Pieces]":
        """Read a file from its beginning, of any length."""
        with self._answer("GET", path) as answer:
            yield _Pieces(answer.iter_raw(_PIECE))

    def _read(self, path: str, start: int, most: int) -> bytes:
        headers = {"Range": f"bytes={start}-{start + most - 1}"} if start else {}
        give_up = time.monotonic() + self._limits.seconds
        found = bytearray()
        with self._answer("GET", path, headers) as answer:
            if answer.status_code == _PAST_THE_END:
                return b""
            if start and answer.status_code != httpx.codes.PARTIAL_CONTENT:
                raise Unreadable("the server gives no parts of files, which reading from shards needs")
            for piece in answer.iter_raw(_PIECE):
                found += piece
                if len(found) >= most:
                    break
                if time.monotonic() > give_up:
                    raise Unreachable(f"it did not come within {self._limits.seconds:g} seconds")
        return bytes(found[:most])

    @contextmanager
    def _answer(self, method: str, path: str, headers: dict[str, str] | None = None) -> Iterator[httpx.Response]:
        """An answer that has begun; its failures, also later, become ours."""
        address = f"{self._address}/{_quoted(path)}"
        try:
            with self._client.stream(method, address, headers=headers) as answer:
                _require_content(answer)
                yield answer
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            late = isinstance(error, httpx.TimeoutException)
            why = "not in time" if late else f"{type(error).__name__}: {error}"[:200]
            raise Unreachable(f"the server gave no answer ({why})") from None

    def _look_at(self, path: str) -> StoredFile | ImageError:
        try:
            return self.stat(path)
        except ImageError as error:
            return error

    def _links(self, folder: str) -> tuple[list[str], list[str]]:
        """Paths of the folders, each with a slash at its end, and of the files that a page links right below itself."""
        with self._answer("GET", folder) as answer:
            if not answer.headers.get("content-type", "").startswith("text/html"):
                raise Unreadable("it answers with no page of links")
            content = bytearray()
            for piece in answer.iter_raw(_PIECE):
                content += piece
                if len(content) > MAX_PAGE_BYTES:
                    raise Unreadable(f"its page of links is longer than {MAX_PAGE_BYTES >> 20} MiB")
            page = _Page()
            page.feed(content.decode(answer.charset_encoding or "utf-8", "replace"))
        base = f"{self._address}/{_quoted(folder)}"
        links = {urldefrag(urljoin(base, link)).url for link in page.links}
        here, plain = _unquoted(base), {_unquoted(link) for link in links if "?" not in link}
        names = sorted(link[len(here) :] for link in plain if link.startswith(here))
        below = [folder + name for name in names if name.endswith("/") and name.strip("/") and "/" not in name[:-1]]
        return below, [folder + name for name in names if name and "/" not in name]


class _Page(HTMLParser):
    """Gathers the links of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.links += [value for name, value in attrs if name == "href" and value]


class _Pieces:
    """A body as a stream that gives as many bytes as it is asked for."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._rest = pieces, b""

    def read(self, size: int = _PIECE, /) -> bytes:
        parts, missing = [self._rest], size - len(self._rest)
        while missing > 0 and (piece := next(self._pieces, b"")):
            parts.append(piece)
            missing -= len(piece)
        whole = b"".join(parts)
        self._rest = whole[size:]
        return whole[:size]


def _quoted(path: str) -> str:
    return quote(path, errors="surrogateescape")


def _unquoted(address: str) -> str:
    """With names as they are; bytes that are no UTF-8 as Python carries them in file names."""
    return unquote(address, errors="surrogateescape")


def _require_content(answer: httpx.Response) -> None:
    status = answer.status_code
    if status in _GONE:
        raise Unreadable("it is no longer there")
    if status in _REFUSED:
        raise Unreachable("the server refuses to show it")
    if answer.has_redirect_location:
        raise Unreadable("the server leads elsewhere (a redirect): not followed")
    if not answer.is_success and status != _PAST_THE_END:
        raise Unreachable(f"the server answered {status}")
    if answer.headers.get("content-encoding", "identity") != "identity":
        raise Unreadable("the server sends it compressed though it was asked not to")


def _nanoseconds(date: str) -> int:
    try:
        return int(parsedate_to_datetime(date).timestamp()) * 10**9
    except (ValueError, OverflowError):
        return 0
