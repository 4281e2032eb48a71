"""Reading a snapshot, which may be damaged or made to do harm: nothing of it is unpacked to the disk.

Members are looked for by the names that this program writes; there must be these, once each, and no others. A part is
read into memory, is no larger than the archive itself, and is looked into when its SHA-256 is the right one.
"""

import hashlib
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from search_app.datatypes import Manifest, WholePoint
from search_app.errors import MovingError
from search_app.moving.contents import MANIFEST, MOST_BYTES, Contents, Part, contents_from_json

_MOST_PART_BYTES = 1024**3
"""5,000 points of 2,048 numbers and a page of words each take a twentieth of it."""


@dataclass(frozen=True, slots=True)
class Archive:
    """A snapshot whose table of contents was read and compared with what lies in the file."""

    file: Path
    contents: Contents
    _places: Mapping[str, int]
    """Where the content of each member begins, in bytes."""

    @property
    def manifest(self) -> Manifest:
        """Of the collection that was taken."""
        return self.contents.manifest

    def points(self, after: int = 0) -> Iterator[WholePoint]:
        """Every point above id `after`, in id order, each part checked again; raises `MovingError`."""
        for part in self.contents.parts:
            if part.last_id > after:
                yield from (point for point in self._points(part) if point.id > after)

    def _points(self, part: Part) -> Iterator[WholePoint]:
        from search_app.moving.parts import open_part, read_part, refuse_coded, refuse_other_columns

        name = f"{self.file}: {part.name}"
        data = _read(self.file, self._places[part.name], part.size)
        if hashlib.sha256(data).hexdigest() != part.sha256:
            raise MovingError(f"{name} is not as it was written: the archive is damaged, take another copy of it")
        opened = open_part(data, name)
        refuse_other_columns(opened, self.manifest.dim, self.manifest.words_dim, name)
        if opened.metadata.num_rows != part.points:
            raise MovingError(f"{name} has {opened.metadata.num_rows} points instead of {part.points}")
        refuse_coded(opened, name)
        last = part.first_id - 1
        for point in read_part(opened, name):
            if not last < point.id <= part.last_id:
                raise MovingError(f"{name}: point {point.id} is not in its place")
            _refuse_to_leave(point.picture.path, name)
            last = point.id
            yield point


def _refuse_to_leave(path: str, name: str) -> None:
    """A path is looked for below the indexed folder by whoever shows the picture."""
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or not pure.parts or "\0" in path:
        raise MovingError(f"{name}: {path!r} is no path below the indexed folder: the archive is refused")


def open_archive(file: Path) -> Archive:
    """Open a snapshot; raises `MovingError` where it is none, cut, or holds what none of ours does."""
    try:
        with tarfile.open(file, "r:") as archive:
            members = archive.getmembers()
    except FileNotFoundError:
        raise MovingError(f"there is no file {file}") from None
    except (tarfile.TarError, OSError, ValueError) as error:
        raise MovingError(f"{file} is no snapshot, or only a piece of one: {error}") from None
    places = {one.name: one.offset_data for one in members}
    sizes = {one.name: one.size for one in members}
    plain = all(one.type == tarfile.REGTYPE and not one.issparse() for one in members)
    if len(places) != len(members) or not plain or sizes.get(MANIFEST, MOST_BYTES) >= MOST_BYTES:
        raise MovingError(f"{file} is no snapshot of this program: it has members that none of ours has")
    contents = contents_from_json(_read(file, places[MANIFEST], sizes[MANIFEST]), str(file))
    expected = {part.name: part.size for part in contents.parts} | {MANIFEST: sizes[MANIFEST]}
    if sizes != expected or any(size > _MOST_PART_BYTES for size in sizes.values()):
        raise MovingError(f"{file} does not hold the parts that it names, or is cut: take another copy of it")
    return Archive(file, contents, places)


def _read(file: Path, place: int, size: int) -> bytes:
    try:
        with file.open("rb") as raw:
            raw.seek(place)
            data = raw.read(size)
    except OSError as error:
        raise MovingError(f"{file} cannot be read: {error}") from None
    if len(data) != size:
        raise MovingError(f"{file} ends before its parts do: take another copy of it")
    return data
