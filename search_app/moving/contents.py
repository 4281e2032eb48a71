"""The table of contents of a snapshot: what the archive holds, and how each part is recognised."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any

from search_app import __version__
from search_app.datatypes import Manifest
from search_app.errors import MovingError
from search_app.index.manifest import SCHEMA_VERSION

FORMAT = "search_app snapshot"
VERSION = 1
MANIFEST = "manifest.json"
MOST_BYTES = 64 * 1024**2
"""Of a manifest: a part takes 250 bytes of it, so a thousand million pictures fit."""
_DIGEST = "digest"


@dataclass(frozen=True, slots=True)
class Part:
    """One file of points in the archive."""

    name: str
    sha256: str
    size: int
    """Bytes."""
    points: int
    first_id: int
    last_id: int


@dataclass(frozen=True, slots=True)
class Contents:
    """What a snapshot holds."""

    manifest: Manifest
    parts: tuple[Part, ...]
    checksum: str
    """Over all points, see `canonical`."""


def contents_to_json(contents: Contents) -> bytes:
    """As it lies in the archive, with a digest of itself."""
    data: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "program": __version__,
        "checksum": contents.checksum,
        "manifest": asdict(contents.manifest),
        "parts": [asdict(part) for part in contents.parts],
    }
    return json.dumps(data | {_DIGEST: _digest(data)}, indent=1).encode()


def _digest(data: Mapping[str, Any]) -> str:
    rest = {name: value for name, value in data.items() if name != _DIGEST}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def contents_from_json(text: bytes, origin: str) -> Contents:
    """Read it back; raises `MovingError` that says what is wrong with the archive `origin`."""
    try:
        data = json.loads(text)
    except ValueError as error:
        raise MovingError(f"{origin}: {MANIFEST} is no JSON ({error}): the archive is damaged") from None
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise MovingError(f"{origin} is no snapshot of this program")
    stored = data.get("manifest")
    schema = stored.get("schema_version") if isinstance(stored, dict) else None
    if (data.get("version"), schema) != (VERSION, SCHEMA_VERSION):
        raise MovingError(
            f"{origin} is a snapshot of version {data.get('version')} with schema version {schema}, this program reads "
            f"{VERSION} and {SCHEMA_VERSION}: use the program that wrote it (version {data.get('program')})"
        )
    if data.get(_DIGEST) != _digest(data):
        raise MovingError(f"{origin}: {MANIFEST} is not as it was written: the archive is damaged, take another copy")
    try:
        parts = tuple(_known(Part, one) for one in data["parts"])
        contents = Contents(_known(Manifest, data["manifest"]), parts, str(data["checksum"]))
    except (KeyError, TypeError, ValueError) as error:
        raise MovingError(f"{origin}: {MANIFEST} is not complete ({type(error).__name__}: {error})") from None
    _check(contents, origin)
    return contents


def _known(kind: type[Any], data: Mapping[str, Any]) -> Any:
    """The values a version of this program knows, of their types; later fields have defaults."""
    values = {one.name: data[one.name] for one in fields(kind) if one.name in data or one.default is MISSING}
    for one in fields(kind):
        if one.name in values and type(values[one.name]) is not one.type:
            raise TypeError(f"{one.name} is {values[one.name]!r}")
    return kind(**values)


def known_manifest(data: Mapping[str, Any]) -> Manifest:
    """A manifest as it was written to JSON; raises `KeyError` or `TypeError` for what is none."""
    manifest: Manifest = _known(Manifest, data)
    if manifest.schema_version != SCHEMA_VERSION:
        raise TypeError(f"schema version {manifest.schema_version}, this program reads {SCHEMA_VERSION}")
    return manifest


def _check(contents: Contents, origin: str) -> None:
    manifest, parts = contents.manifest, contents.parts
    last = 0
    for number, part in enumerate(parts):
        if part.name != part_name(number) or not 0 < part.points <= part.last_id - part.first_id + 1:
            raise MovingError(f"{origin}: part {part.name!r} is none that this program writes")
        if part.first_id <= last:
            raise MovingError(f"{origin}: the ids of part {part.name} do not go on from those before")
        last = part.last_id
    if sum(part.points for part in parts) != manifest.count or last >= manifest.next_id or manifest.dim < 1:
        raise MovingError(f"{origin}: its parts are not the {manifest.count} points that it says it holds")


def part_name(number: int) -> str:
    """Of the part with this number, from 0 on."""
    return f"points-{number:06d}.parquet"
