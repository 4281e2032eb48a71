"""What a user gives as SOURCE: a folder, an address, a list or shards; its form tells, before anything is asked."""

import fnmatch
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

from search_app.errors import IngestError
from search_app.sources.names import suffix_of

Kind = Literal["folder", "tree", "list", "shards"]

LISTS = frozenset({".csv", ".tsv", ".jsonl", ".ndjson", ".parquet"})
SHARD = ".tar"
WEB = ("http", "https")
STORES = ("s3", "gs", "gcs", "az", "abfs", "memory")
MAX_NAMES = 1_000_000
"""That one pattern may stand for."""
_PACKED = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst", ".zip", ".7z", ".rar", ".gz")
_BRACES = re.compile(r"\{([^{}]*)\}")
_RANGE = re.compile(r"(\d+)\.\.(\d+)")


@dataclass(frozen=True, slots=True)
class Location:
    """One place where pictures come from."""

    kind: Kind
    root: str
    """Absolute path or address of the folder; no slash at its end."""
    pattern: str = ""
    """Of lists and shards: the file name in the folder, with `*`, `?` or `{000..099}` for several."""

    @property
    def text(self) -> str:
        """As the manifest has it."""
        return f"{self.root.rstrip('/')}/{self.pattern}" if self.pattern else self.root

    @property
    def is_local(self) -> bool:
        """Whether it is on this machine."""
        return "://" not in self.root


def locate(given: str) -> Location:
    """Tell what `given` is; raises `IngestError` that says what is wrong with it and never repeats a password."""
    if "://" in given:
        return _address(given)
    path = Path(given).expanduser()
    if path.is_dir() or not _kind_of_name(path.name):
        return Location("folder", os.path.realpath(path))
    return Location(_kind_of_name(path.name) or "folder", str(path.parent.resolve()), path.name)


def is_folder(text: str) -> bool:
    """Whether the location of a manifest is a folder of this machine, to which pictures can be added."""
    return locate(text).kind == "folder"


def _address(given: str) -> Location:
    scheme, _, rest = given.partition("://")
    scheme = scheme.lower()
    if scheme not in (*WEB, *STORES):
        known = ", ".join(f"{each}://" for each in ("s3", "gs", "az", "http", "https"))
        raise IngestError(f"{scheme}:// is no source: give a folder of this machine, or an address with {known}")
    host, _, path = rest.partition("/")
    if "@" in host:
        raise IngestError(
            f"an address with a user's name or password in it is not taken ({scheme}://...@): it would be stored. "
            "Object stores find their keys in the environment or their own files"
        )
    if not host or (scheme in WEB and not _is_host(f"{scheme}://{host}")):
        raise IngestError(
            f"{scheme}:// needs a {'host' if scheme in WEB else 'bucket'}, as in {scheme}://NAME/pictures"
        )
    if scheme in WEB and ("?" in path or "#" in path):
        raise IngestError(
            "an address with ? or # is not taken: it would be stored, and what follows may be a key. Give a folder "
            "whose page links its pictures, or a list of addresses"
        )
    if scheme in STORES and any(part in {".", ".."} for part in path.split("/")):
        raise IngestError(f"{given} has . or .. in it: give the prefix itself")
    folder, _, name = path.rpartition("/")
    kind = _kind_of_name(unquote(name) if scheme in WEB else name)
    if kind:
        return Location(kind, f"{scheme}://{host}/{folder}".rstrip("/"), name)
    return Location("tree", f"{scheme}://{host}/{path}".rstrip("/"))


def _is_host(address: str) -> bool:
    try:
        parts = urlsplit(address)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _kind_of_name(name: str) -> Literal["list", "shards"] | None:
    if name.lower().endswith(_PACKED):
        raise IngestError(f"{name} is packed: unpack it and give the folder, or plain .tar shards")
    suffix = suffix_of(name)
    if suffix == SHARD:
        return "shards"
    return "list" if suffix in LISTS else None


def names_of(pattern: str) -> list[str] | None:
    """The names that a pattern with braces or none stands for, in order; None where the store must be asked (* or ?).

    `{000..099}` are numbers of as many digits, `{train,test}` words.
    """
    if any(mark in pattern for mark in "*?["):
        return None
    names = []
    for name in _expanded(pattern):
        names.append(name)
        if len(names) > MAX_NAMES:
            raise IngestError(f"{pattern} stands for more than {MAX_NAMES:,} names: give fewer")
    return names


def matches(pattern: str, name: str) -> bool:
    """Whether a name is one that a pattern stands for; one that begins with a dot never is."""
    return not name.startswith(".") and any(fnmatch.fnmatchcase(name, each) for each in _expanded(pattern))


def _expanded(pattern: str) -> Iterator[str]:
    found = _BRACES.search(pattern)
    if found is None:
        yield pattern
        return
    start, end = pattern[: found.start()], pattern[found.end() :]
    numbers = _RANGE.fullmatch(found[1])
    if numbers:
        first, last = numbers.groups()
        words: Iterator[str] = (f"{each:0{len(first)}d}" for each in range(int(first), int(last) + 1))
    else:
        words = iter(found[1].split(","))
    for word in words:
        yield from _expanded(f"{start}{word}{end}")
