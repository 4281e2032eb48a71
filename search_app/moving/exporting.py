"""Exporting vectors and what is known about the pictures, for any program to read; see `layouts`."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import dtype_to_descr, write_array_header_1_0

from search_app.datatypes import Manifest, WholePoint
from search_app.errors import MovingError
from search_app.index.files import write_atomically
from search_app.index.payload import is_unicode
from search_app.index.pinned import PinnedIndex
from search_app.moving.batches import batches_ahead
from search_app.moving.canonical import rows_of
from search_app.moving.copying import BATCH, Progress
from search_app.moving.layouts import EMBEDDINGS, MANIFEST, METADATA, POINTS, VECTORS, Layout

_PART = 50_000
"""Points in one file: some 100 MB."""


def export(source: PinnedIndex, folder: Path, layout: Layout, progress: Progress) -> int:
    """Write a collection to a new folder; returns how many pictures.

    The manifest is written last: a folder without one is not whole. Raises `MovingError` where the folder is not empty.
    """
    if folder.exists() and any(folder.iterdir()):
        raise MovingError(f"{folder} is not empty: name a folder that is not there yet")
    folder.mkdir(parents=True, exist_ok=True)
    manifest, seen = source.manifest, 0

    def counted() -> Iterator[WholePoint]:
        nonlocal seen
        for batch in batches_ahead(source.points(), BATCH):
            yield from batch
            seen += len(batch)
            progress(seen, manifest.count)

    match layout:
        case "parquet":
            _parquet(counted(), manifest, folder)
        case "npy":
            _npy(counted(), manifest, folder)
        case _:
            _clip_retrieval(counted(), manifest, folder)
    if seen != manifest.count:
        raise MovingError(f"the collection says that it holds {manifest.count} points and gave {seen}: it is damaged")
    write_atomically(folder / MANIFEST, json.dumps(asdict(manifest), indent=1).encode())
    return seen


def _parts(points: Iterator[WholePoint], size: int) -> Iterator[list[WholePoint]]:
    while part := list(islice(points, size)):
        yield part


def _parquet(points: Iterator[WholePoint], manifest: Manifest, folder: Path) -> None:
    from search_app.moving.parts import write_part

    for number, part in enumerate(_parts(points, _PART)):
        data = write_part(part, manifest.dim, manifest.words_dim, compressed=True)
        (folder / f"points-{number:06d}.parquet").write_bytes(data)


def _npy(points: Iterator[WholePoint], manifest: Manifest, folder: Path) -> None:
    header = {"descr": dtype_to_descr(np.dtype(np.float32)), "fortran_order": False}
    with (folder / VECTORS).open("wb") as vectors, (folder / POINTS).open("w", encoding="utf-8") as lines:
        write_array_header_1_0(vectors, header | {"shape": (manifest.count, manifest.dim)})
        for point in points:
            vectors.write(np.ascontiguousarray(point.vector, "<f4").tobytes())
            lines.write(json.dumps(_row(point)) + "\n")


def _row(point: WholePoint) -> dict[str, Any]:
    words = {} if point.words is None else {"words": rows_of(point.words.words)}
    return {"id": point.id, **asdict(point.picture), **words}


def _clip_retrieval(points: Iterator[WholePoint], manifest: Manifest, folder: Path) -> None:
    from search_app.moving.tables import write_table

    parts = -(-manifest.count // _PART)
    digits = len(str(max(1, parts)))
    for name in (EMBEDDINGS, METADATA):
        (folder / name).mkdir()
    for number, part in enumerate(_parts(points, _PART)):
        np.save(folder / EMBEDDINGS / f"img_emb_{number:0{digits}d}.npy", np.stack([one.vector for one in part]))
        rows = [_metadata(one, manifest.folder) for one in part]
        write_table(folder / METADATA / f"metadata_{number:0{digits}d}.parquet", rows)


def _metadata(point: WholePoint, folder: str) -> dict[str, Any]:
    """A row as `clip-retrieval inference` writes it, `image_path` first; metadata as text, as columns have one type."""
    picture = point.picture
    path = f"{folder}/{picture.path}"
    known = {"id": point.id, "width": picture.width, "height": picture.height, "format": picture.format}
    words = point.words.words.text if point.words is not None else ""
    said = {name: value if isinstance(value, str) else json.dumps(value) for name, value in picture.meta.items()}
    path = path if is_unicode(path) else path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return {"image_path": path, **said, **known, "printed_words": words}
