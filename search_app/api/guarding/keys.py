"""API keys: who may ask what. Only hashes of keys are kept; the file of keys is read again when it changes.

A key is 256 random bits, so its SHA-256 is enough at rest: what cannot be guessed needs no slow hash.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path

from search_app.datatypes import COLLECTION_NAME
from search_app.errors import SettingsError

_PREFIX = "search_"
"""Tells a key from other secrets where one is found lying about."""
_ENTRY = re.compile(
    rf"([A-Za-z0-9._-]{{1,64}}):(metrics|read|write|admin)(?:@({COLLECTION_NAME}))?:sha256:([0-9a-f]{{64}})"
)
_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_COLLECTION = re.compile(COLLECTION_NAME)


class Scope(IntEnum):
    """What a key opens; each opens all that the ones before it do, but for `METRICS`, which only `ADMIN` opens too."""

    METRICS = -1
    """What is counted: for a scraper, which shall not search, and no business of those who do."""
    READ = 1
    """Searches, pictures, what runs here."""
    WRITE = 2
    """Judgements and their rounds: they name people."""
    ADMIN = 3
    """All there is: also what changes the index."""

    def opens(self, needed: "Scope") -> bool:
        """Whether a key of this scope opens what asks for `needed`."""
        return self in {needed, Scope.ADMIN} or (needed is not Scope.METRICS and self > needed)


@dataclass(frozen=True, slots=True)
class Key:
    """A key as it is kept."""

    name: str
    scope: Scope
    digest: bytes = field(repr=False)
    collection: str = ""
    """The name, of a collection or an alias, by which alone it may ask; empty: all there is."""


def new_key(name: str, scope: Scope, collection: str = "") -> tuple[str, str]:
    """A new key and the entry to keep of it; raises `SettingsError` for a name that no entry can hold.

    With `collection` it is for that one alone, and then of a scope that has to do with one.
    """
    if not _NAME.fullmatch(name):
        raise SettingsError(f"--name {name!r}: a key's name is 1 to 64 letters, digits, dots, dashes or underscores")
    if collection and not _COLLECTION.fullmatch(collection):
        raise SettingsError(f"--collection {collection!r}: no collection can be called so")
    if collection and scope not in {Scope.READ, Scope.ADMIN}:
        of_none = "judgements and metrics are of no collection: leave --collection out, or choose --scope read or admin"
        raise SettingsError(f"--scope {scope.name.lower()} --collection {collection}: {of_none}")
    secret = _PREFIX + secrets.token_urlsafe(32)
    bound = f"@{collection}" if collection else ""
    return secret, f"{name}:{scope.name.lower()}{bound}:sha256:{_digest(secret).hex()}"


def read_keys(text: str, where: str) -> tuple[Key, ...]:
    """The keys of a text: entries between white space or commas, `#` begins a comment.

    Raises `SettingsError` naming the place and never what stands there: it may be a key in the clear.
    """
    lines = [line.partition("#")[0] for line in text.splitlines()]
    entries = re.split(r"[\s,]+", "\n".join(lines).strip())
    keys = []
    for number, entry in enumerate(filter(None, entries), 1):
        found = _ENTRY.fullmatch(entry)
        if found is None:
            made_by = "`python -m search_app keys new` prints what to put there, and a key itself does not belong there"
            raise SettingsError(
                f"{where}: entry {number} is not NAME:SCOPE:sha256:HASH or NAME:SCOPE@COLLECTION:sha256:HASH; {made_by}"
            )
        keys.append(Key(found[1], Scope[found[2].upper()], bytes.fromhex(found[4]), found[3] or ""))
    return tuple(keys)


class KeyRing:
    """All keys there are now: those of a setting, which stay, and those of a file, which may change at any time."""

    def __init__(self, given: str = "", file: Path | None = None) -> None:
        """Raises `SettingsError` where an entry is wrong or the file cannot be read."""
        self._given = read_keys(given, "SEARCH_API_KEYS")
        self._file = file
        self._seen: tuple[int, ...] = ()
        self._filed: tuple[Key, ...] = ()
        self._now()

    def find(self, secret: str) -> Key | None:
        """The key that is `secret`, if there is one.

        Raises `SettingsError` where the file was changed into one that cannot be used: who may ask is not known then.
        Every entry is compared, each in constant time, so that how long it takes tells nothing.
        """
        digest, found = _digest(secret), None
        for key in self._now():
            if hmac.compare_digest(key.digest, digest):
                found = key
        return found

    def _now(self) -> tuple[Key, ...]:
        if self._file is None:
            return self._given
        try:
            status = self._file.stat()
            seen = (status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino)
            if seen != self._seen:
                self._filed = read_keys(self._file.read_text("utf-8"), "SEARCH_API_KEYS_FILE")
                self._seen = seen
        except (OSError, UnicodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise SettingsError(f"SEARCH_API_KEYS_FILE={str(self._file)!r} cannot be read: {reason}") from None
        return self._given + self._filed


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()
