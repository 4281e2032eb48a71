"""Writing a snapshot: one tar of Parquet parts, and a table of contents at its end.

    points-000000.parquet   5,000 points, nothing compressed: the size of the archive is the size of what is in it
    points-000001.parquet   ...
    manifest.json           what the collection is; SHA-256, size and ids of each part; a checksum over all points

It is read from one generation, whatever is committed meanwhile, and has its name when it is whole and on the disk.
"""

import hashlib
import io
import os
import tarfile
from dataclasses import dataclass
from pathlib import Path

from search_app.errors import MovingError
from search_app.index.files import sync_folder
from search_app.index.pinned import PinnedIndex
from search_app.moving.batches import batches_ahead
from search_app.moving.canonical import Checksum, canonical
from search_app.moving.contents import MANIFEST, Contents, Part, contents_to_json, part_name
from search_app.moving.copying import Progress

_PART_POINTS = 5_000


@dataclass(frozen=True, slots=True)
class Written:
    """A snapshot that was written."""

    contents: Contents
    size: int
    """Bytes."""


def write_snapshot(source: PinnedIndex, file: Path, progress: Progress) -> Written:
    """Write the collection to `file`; raises `MovingError` where there is such a file, or points are missing."""
    if file.exists():
        raise MovingError(f"{file} is there already: choose another name, or remove it")
    beside = file.with_name(f"{file.name}.part")
    try:
        with beside.open("wb") as raw:
            with tarfile.open(fileobj=raw, mode="w", format=tarfile.USTAR_FORMAT) as archive:
                contents = _write(source, archive, progress)
            raw.flush()
            os.fsync(raw.fileno())
        beside.rename(file)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    sync_folder(file.absolute().parent)
    return Written(contents, file.stat().st_size)


def _write(source: PinnedIndex, archive: tarfile.TarFile, progress: Progress) -> Contents:
    from search_app.moving.parts import write_part

    manifest, checksum, parts, seen = source.manifest, Checksum(), list[Part](), 0
    for points in batches_ahead(source.points(), _PART_POINTS):
        for point in points:
            checksum.add(canonical(point))
        data = write_part(points, manifest.dim, manifest.words_dim, compressed=False)
        name = part_name(len(parts))
        _add(archive, name, data)
        digest = hashlib.sha256(data).hexdigest()
        parts.append(Part(name, digest, len(data), len(points), points[0].id, points[-1].id))
        seen += len(points)
        progress(seen, manifest.count)
    if seen != manifest.count:
        raise MovingError(f"the collection says that it holds {manifest.count} points and gave {seen}: it is damaged")
    contents = Contents(manifest, tuple(parts), checksum.digits())
    _add(archive, MANIFEST, contents_to_json(contents))
    return contents


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(data), 0o600
    archive.addfile(entry, io.BytesIO(data))
