"""From rows of others to points: what is good is taken, what is not is counted with its reason."""

import hashlib
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from search_app.datatypes import COLOURS, FloatVector, MetaValue, Picture, WholePoint
from search_app.errors import ImageError
from search_app.images.colour_names import dominant_colours
from search_app.images.decode import decode_bytes, read_image_file
from search_app.images.fingerprints import content_hash, picture_hashes
from search_app.index.dates import span_of
from search_app.index.validate import NORM_TOLERANCE
from search_app.moving.layouts import PATH_NAMES, Block

_LARGEST = 2**53
_HASHES = re.compile(r"[0-9a-f]{64}")
_NOT_A_NAME = re.compile(r"[^A-Za-z0-9_]+")
_NUMBERS = {one.name for one in fields(Picture) if one.type is int}
_TEXTS = {one.name for one in fields(Picture) if one.type is str} - {"path"}
_OWN = {"id", "words", "meta", "colours", "path_base64", *_NUMBERS, *_TEXTS}
"""Names that say what this program says; all others are metadata."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What is asked of a row."""

    folder: Path
    """Where the pictures lie, or would; links resolved, as an index run notes it."""
    told: Path
    """The same as it was told: absolute paths may begin with either."""
    dim: int
    path_column: str = ""
    normalise: bool = False
    """Whether vectors of another length than 1 are made that long; else such rows are bad."""
    look: "Callable[[Path], Facts] | None" = None
    """Looks at a picture where it is there; None: nobody does."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What was seen of a picture's file."""

    content_hash: str
    size_bytes: int
    mtime_ns: int
    width: int
    height: int
    format: str
    phash: str
    colours: tuple[str, ...]
    taken: str


def look_at(file: Path, size: tuple[int, int], max_pixels: int) -> Facts:
    """As an index run for an encoder that takes pictures of `size` would; raises `ImageError`."""
    data = read_image_file(file)
    status = file.stat()
    seen = decode_bytes(data, min_size=size, max_pixels=max_pixels)
    hashes, colours = picture_hashes(seen.image), dominant_colours(seen.image)
    name = content_hash(data)
    return Facts(
        name, status.st_size, status.st_mtime_ns, seen.width, seen.height, seen.format, hashes, colours, seen.taken
    )


@dataclass(slots=True)
class Taken:
    """What became of the rows so far."""

    good: int = 0
    seen: int = 0
    """Pictures whose files were here and were looked at."""
    bad: Counter[str] = field(default_factory=Counter)
    """Reasons, and how many rows each cost."""
    first_bad: dict[str, str] = field(default_factory=dict)
    """Of each reason the first row, for people."""

    def skip(self, reason: str, row: str) -> None:
        """Leave one out."""
        self.bad[reason] += 1
        self.first_bad.setdefault(reason, row)


class _BadRowError(ValueError):
    """The reason why a row is left out."""


def points_of(blocks: Iterator[Block], rules: Rules, taken: Taken) -> Iterator[WholePoint]:
    """The good rows as points, with the ids they bring or else numbered from 1 on in their order."""
    paths, last, number = set[bytes](), 0, 0
    for vectors, rows in blocks:
        for vector, row in zip(vectors, rows, strict=True):
            number += 1
            try:
                point = _point(vector, row, rules, last)
                key = _new_key(point.picture.path, paths)
            except _BadRowError as error:
                taken.skip(str(error), f"row {number}")
                continue
            paths.add(key)
            last = point.id
            taken.good += 1
            yield point


def _new_key(path: str, known: set[bytes]) -> bytes:
    """A dozen bytes that stand for a path; raises where it was there before."""
    key = hashlib.blake2b(path.encode("utf-8", "surrogatepass"), digest_size=12).digest()
    if key in known:
        raise _BadRowError("a row before has the same path")
    return key


def _point(vector: FloatVector, row: Mapping[str, Any], rules: Rules, last: int) -> WholePoint:
    unit = _unit(vector, rules)
    number = row.get("id", last + 1)
    if not isinstance(number, int) or number <= last:
        raise _BadRowError("its id is not above the one before")
    path = _path(row, rules)
    return WholePoint(number, unit, _picture(path, row, rules), None)


def _unit(vector: FloatVector, rules: Rules) -> FloatVector:
    if vector.shape != (rules.dim,):
        raise _BadRowError(f"its vector has {vector.size} numbers, the model makes {rules.dim}")
    length = float(np.linalg.norm(vector.astype(np.float64)))
    if not math.isfinite(length) or not length:
        raise _BadRowError("its vector is not finite, or has no length")
    if abs(length - 1) > NORM_TOLERANCE and not rules.normalise:
        raise _BadRowError("its vector has not length 1")
    return vector if abs(length - 1) <= 1e-6 else (vector / length).astype(np.float32)


def _path(row: Mapping[str, Any], rules: Rules) -> str:
    """Relative to the folder; a path elsewhere is refused: nothing outside of the folder is ever shown."""
    names = (rules.path_column,) if rules.path_column else PATH_NAMES
    told = next((row[name] for name in names if isinstance(row.get(name), str) and row[name]), None)
    if told is None:
        raise _BadRowError(f"it has no path ({', '.join(names)})")
    pure = PurePosixPath(told)
    if pure.is_absolute():
        root = next((each for each in (rules.folder, rules.told) if pure.is_relative_to(each)), None)
        if root is None:
            raise _BadRowError("its path lies outside of the folder")
        pure = pure.relative_to(root)
    if ".." in pure.parts or not pure.parts or "\0" in told:
        raise _BadRowError("its path lies outside of the folder")
    return str(pure)


def _picture(path: str, row: Mapping[str, Any], rules: Rules) -> Picture:
    facts: dict[str, Any] = {name: _whole(row.get(name)) for name in _NUMBERS}
    facts |= {name: row[name] if isinstance(row.get(name), str) else "" for name in _TEXTS}
    facts["taken"] = facts["taken"] if is_date(facts["taken"]) else ""
    facts["phash"] = facts["phash"] if _HASHES.fullmatch(facts["phash"]) else ""
    if not facts["content_hash"]:  # no two rows may look like copies of each other
        facts["content_hash"] = content_hash(b"imported\0" + path.encode("utf-8", "surrogatepass"))
    colours = tuple(one for one in row.get("colours") or () if one in COLOURS)
    said = row.get("meta") if isinstance(row.get("meta"), dict) else {}
    other = {name: value for name, value in row.items() if name not in _OWN and name not in PATH_NAMES}
    picture = Picture(path=path, meta=_meta({**other, **(said or {})}), colours=colours, **facts)
    if rules.look is None or not (rules.folder / path).is_file():
        return picture
    try:
        seen = rules.look(rules.folder / path)
    except ImageError as error:
        raise _BadRowError(f"its file cannot be used: {error}") from None
    return replace(picture, **{one.name: getattr(seen, one.name) for one in fields(Facts)})


def is_date(text: str) -> bool:
    """Whether a text is a moment as engines take it."""
    try:
        span_of(text)
    except ValueError:
        return False
    return True


def _whole(value: object) -> int:
    return int(value) if isinstance(value, int | float) and math.isfinite(value) and 0 <= value < 2**63 else 0


def _meta(values: Mapping[str, Any]) -> dict[str, MetaValue]:
    """Columns as metadata: names made of letters, digits and `_`; what is missing or no plain value is left out."""
    found: dict[str, MetaValue] = {}
    for name, value in values.items():
        plain = _NOT_A_NAME.sub("_", name)[:64]
        kept = _value(value)
        if plain and kept is not None:
            found[plain] = kept
    return found


def _value(value: object) -> MetaValue | None:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, Sequence):
        return tuple(value) if value and all(isinstance(one, str) for one in value) else None
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) <= _LARGEST else str(value)
    return value if isinstance(value, float) and math.isfinite(value) else None
