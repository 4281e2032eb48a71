"""WebDataset shards: tar files in which `KEY.jpg`, `KEY.txt` and `KEY.json` belong together.

A shard is a folder in one file: `KEY.txt` has the words of the picture, as `NAME.txt` in a folder has, and `KEY.json`
its metadata. Shards are read through once to list them and are never unpacked. Where a picture begins is kept as part
of its version, so that one picture can be read, and shown, without reading the shard again.
"""

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock

from search_app.datatypes import ImageRef, MetaValue, PrintedWords
from search_app.errors import ImageError, ImageTooLarge, IngestError, Unreadable, WordsError
from search_app.images.scan import ScanResult, SkippedFile
from search_app.sources.base import Limits
from search_app.sources.locations import Location, matches, names_of
from search_app.sources.names import fault_of, foreign, is_passed_over, is_picture, refused
from search_app.sources.rows import BadLine, json_row
from search_app.sources.stores import FileStore, StoredFile
from search_app.sources.tar import TarMember, TarReader
from search_app.words.sidecar import MAX_SIDECAR_BYTES, sidecar_words

MAX_JSON_BYTES = 2**20
_SHARD = re.compile(r"([^/]*\.tar)/", re.IGNORECASE)
_LOOKED_AT_S = 5.0
"""A shard counts as the one it was for so long; then its store is asked again."""


@dataclass(slots=True)
class _Contents:
    """What the shards hold, gathered."""

    found: list[ImageRef] = field(default_factory=list)
    skipped: list[SkippedFile] = field(default_factory=list)
    unseen: set[str] = field(default_factory=set)
    meta: dict[str, Mapping[str, MetaValue]] = field(default_factory=dict)
    texts: dict[str, ImageRef] = field(default_factory=dict)
    """By the path of the picture."""


class ShardSource:
    """Pictures in shards that lie side by side; the path of one is `SHARD.tar/KEY.jpg`."""

    def __init__(self, location: Location, store: FileStore, limits: Limits) -> None:
        self._location, self._store, self._limits = location, store, limits
        self._texts: Mapping[str, ImageRef] | None = None
        self._stamps: dict[str, tuple[str, float]] = {}
        self._lock = Lock()

    @property
    def location(self) -> str:
        """The shards as they were named."""
        return self._location.text

    def scan(self) -> ScanResult:
        """Read all headers, and metadata with them; a shard that is damaged costs itself only."""
        contents = _Contents()
        for shard in self._shards(contents):
            self._list(shard, contents)
        if not contents.found and contents.unseen:
            raise IngestError(f"{self.location} cannot be read: {contents.skipped[0].reason}")
        self._texts = contents.texts
        return ScanResult(
            found=sorted(contents.found, key=lambda ref: ref.path),
            skipped=sorted(contents.skipped, key=lambda item: item.path),
            unseen=frozenset(contents.unseen),
            meta=contents.meta,
        )

    def read(self, ref: ImageRef) -> bytes:
        """One picture out of its shard; raises `Unreadable` where the shard is another one by now."""
        if ref.size_bytes > self._limits.max_bytes:
            raise ImageTooLarge(f"a file of {ref.size_bytes / 2**20:.0f} MiB in a shard: larger than what is read")
        shard, stamp, offset = _place(ref)
        if self._stamp(shard) != stamp:
            raise Unreadable(f"the shard {shard} is not the one that was listed: index it again")
        found = self._store.read(shard, offset, ref.size_bytes) if ref.size_bytes else b""
        if len(found) < ref.size_bytes:
            raise Unreadable(f"the shard {shard} ends too soon")
        return found

    def words_beside(self, path: str) -> PrintedWords | None:
        """From `KEY.txt`."""
        if self._texts is None:
            self.scan()
        ref = (self._texts or {}).get(path)
        if ref is None:
            return None
        try:
            found = self.read(ImageRef(ref.path, min(ref.size_bytes, MAX_SIDECAR_BYTES + 1), 0, ref.version))
        except ImageError as error:
            raise WordsError(f"{ref.path}: {error}") from None
        return sidecar_words(ref.path, found)

    def _shards(self, contents: _Contents) -> Iterator[StoredFile]:
        names = names_of(self._location.pattern)
        if names is None:
            listing = self._store.find(lambda name: matches(self._location.pattern, name), deep=False)
            contents.skipped += listing.skipped
            contents.unseen |= listing.unseen
            yield from sorted(listing.files, key=lambda file: file.path)
            return
        for name in sorted(set(names)):
            try:
                yield self._store.stat(name)
            except ImageError as error:
                contents.skipped.append(refused(name, f"the shard cannot be read: {error}"))
                contents.unseen.add(name)

    def _list(self, shard: StoredFile, contents: _Contents) -> None:
        stamp = _stamp_of(shard)
        with self._lock:
            self._stamps[shard.path] = stamp, time.monotonic()
        sample = _Samples(shard.path, stamp, contents)
        try:
            with self._store.stream(shard.path) as stream:
                entries = TarReader(stream)
                for entry in entries:
                    sample.take(entry, entries)
        except ImageError as error:
            contents.skipped.append(refused(shard.path, f"the shard cannot be read to its end: {error}"))
            contents.unseen.add(shard.path)
        sample.end()

    def _stamp(self, shard: str) -> str:
        with self._lock:
            stamp, looked = self._stamps.get(shard, ("", 0.0))
        if not stamp or time.monotonic() - looked > _LOOKED_AT_S:
            stamp = _stamp_of(self._store.stat(shard))
            with self._lock:
                self._stamps[shard] = stamp, time.monotonic()
        return stamp


class _Samples:
    """Puts together what belongs together in one shard."""

    def __init__(self, shard: str, stamp: str, contents: _Contents) -> None:
        self._shard, self._stamp, self._contents = shard, stamp, contents
        self._seen: set[str] = set()
        self._pictures: dict[str, list[str]] = {}
        """Paths by key, as are the rest."""
        self._texts: dict[str, ImageRef] = {}
        self._meta: dict[str, Mapping[str, MetaValue]] = {}

    def take(self, entry: TarMember, entries: TarReader) -> None:
        key, ending = _parts(entry.name)
        is_wanted = is_picture(entry.name) or ending in {"txt", "json"}
        if is_passed_over(entry.name) or not (is_wanted or foreign(entry.name)):
            return
        path = f"{self._shard}/{entry.name}"
        fault = fault_of(entry.name) or ("" if entry.is_file else "not a regular file (a link, folder or device)")
        if not fault and entry.name in self._seen:
            fault = "a second entry of this name: the first one counts"
        if fault:
            self._refuse(path, fault)
            return
        self._seen.add(entry.name)
        ref = ImageRef(path, entry.size_bytes, entry.mtime_ns, f"{self._stamp}:{entry.offset}")
        if ending == "txt":
            self._texts[key] = ref
        elif ending == "json":
            self._read_meta(key, path, entries.content(MAX_JSON_BYTES + 1))
        elif is_picture(entry.name):
            self._contents.found.append(ref)
            self._pictures.setdefault(key, []).append(path)
        elif (told := foreign(path)) is not None:
            self._contents.skipped.append(told)

    def end(self) -> None:
        """Hand over what is said about pictures; a text or fields without one are about nothing."""
        for key, paths in self._pictures.items():
            for path in paths:
                if key in self._texts:
                    self._contents.texts[path] = self._texts[key]
                if self._meta.get(key):
                    self._contents.meta[path] = self._meta[key]

    def _read_meta(self, key: str, path: str, content: bytes) -> None:
        if len(content) > MAX_JSON_BYTES:
            self._refuse(path, f"its fields are left out: longer than {MAX_JSON_BYTES >> 20} MiB")
            return
        try:
            self._meta[key] = json_row(content.decode("utf-8-sig"))
        except BadLine as problem:
            self._refuse(path, f"its fields are left out: {problem.reason}")
        except UnicodeDecodeError:
            self._refuse(path, "its fields are left out: not UTF-8")

    def _refuse(self, path: str, reason: str) -> None:
        self._contents.skipped.append(refused(path, reason))


def _parts(name: str) -> Sequence[str]:
    """Key and ending: what is before and after the first dot of the last part, as WebDataset has it."""
    folder, _, last = name.rpartition("/")
    first, _, ending = last.partition(".")
    return f"{folder}/{first}", ending.lower()


def _stamp_of(shard: StoredFile) -> str:
    return shard.version or f"{shard.mtime_ns:x}-{shard.size_bytes:x}"


def _place(ref: ImageRef) -> tuple[str, str, int]:
    """Shard, its stamp, and where the content begins."""
    stamp, _, offset = ref.version.rpartition(":")
    shard = _SHARD.match(ref.path)
    if shard is None or not offset.isdecimal():
        raise Unreadable("it was not indexed out of a shard: index the shards again")
    return shard[1], stamp, int(offset)
