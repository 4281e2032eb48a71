"""The layouts in which others keep vectors and what is known about the pictures, and ours beside them.

parquet         *.parquet with a column of vectors; ours has `_manifest.json` beside the parts, and everything in it
npy             vectors.npy and points.jsonl, a line for each row: any program reads that
clip-retrieval  img_emb/img_emb_N.npy and metadata/metadata_N.parquet with `image_path`, as `clip-retrieval inference`
                writes them (float16 there); N has leading zeros where there are ten or more
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

import numpy as np

from search_app.datatypes import FloatMatrix
from search_app.errors import MovingError

Layout: TypeAlias = Literal["parquet", "npy", "clip-retrieval"]
LAYOUTS: tuple[Layout, ...] = get_args(Layout)
Block: TypeAlias = tuple[FloatMatrix, list[dict[str, Any]]]
"""Vectors and, row for row, what else is known."""
VECTORS, POINTS, MANIFEST = "vectors.npy", "points.jsonl", "_manifest.json"
EMBEDDINGS, METADATA = "img_emb", "metadata"
_ROWS = 1_000


@dataclass(frozen=True, slots=True)
class Columns:
    """What the columns of others are called; empty: found by the usual names."""

    vector: str = ""
    path: str = ""


_VECTOR_NAMES = ("vector", "embedding", "image_embedding", "image_vector", "img_emb", "emb")
PATH_NAMES = ("path", "image_path", "filename", "file_name", "file")


def layout_of(folder: Path) -> Layout:
    """Which layout a folder (or one Parquet file) has; raises `MovingError` for none."""
    if (folder / VECTORS).is_file() and (folder / POINTS).is_file():
        return "npy"
    if (folder / EMBEDDINGS).is_dir() and (folder / METADATA).is_dir():
        return "clip-retrieval"
    if tables_in(folder):
        return "parquet"
    raise MovingError(
        f"{folder} holds no vectors: Parquet files, {VECTORS} with {POINTS}, or {EMBEDDINGS}/ with {METADATA}/ are read"
    )


def tables_in(place: Path) -> list[Path]:
    """The Parquet files of a folder in the order of their names, or the one that is named."""
    return [place] if place.suffix == ".parquet" and place.is_file() else sorted(place.glob("*.parquet"))


def read_blocks(place: Path, layout: Layout, columns: Columns) -> Iterator[Block]:
    """Everything in a folder, some rows at a time; raises `MovingError` for what is not of that layout."""
    match layout:
        case "npy":
            yield from _read_npy(place)
        case "clip-retrieval":
            yield from _read_clip_retrieval(place)
        case _:
            yield from _read_parquet(place, columns)


def count_rows(place: Path, layout: Layout) -> int:
    """How many rows there are, good or bad."""
    match layout:
        case "npy":
            return len(_matrix(place / VECTORS))
        case "clip-retrieval":
            return sum(len(_matrix(file)) for file in _embeddings(place))
        case _:
            from search_app.moving.tables import count_of_table

            return sum(map(count_of_table, tables_in(place)))


def _matrix(file: Path) -> Any:
    """A matrix that stays on the disk; never one with objects in it, which could do anything when it is read."""
    try:
        found = np.load(file, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise MovingError(f"{file} is no array of numpy that can be read: {error}") from None
    if found.ndim != 2 or not np.issubdtype(found.dtype, np.floating):
        raise MovingError(f"{file} has shape {found.shape} of {found.dtype}: rows of floating numbers are needed")
    return found


def _read_npy(folder: Path) -> Iterator[Block]:
    vectors, start = _matrix(folder / VECTORS), 0
    with (folder / POINTS).open(encoding="utf-8") as lines:
        while batch := [_line(text, folder / POINTS) for text in islice(lines, _ROWS)]:
            yield _taken(vectors, start, len(batch)), batch
            start += len(batch)
    if start != len(vectors):
        raise MovingError(f"{folder / VECTORS} has {len(vectors)} rows and {POINTS} {start} lines")


def _line(text: str, file: Path) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise MovingError(f"a line of {file} is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise MovingError(f"a line of {file} is no JSON object: {text[:60]!r}")
    return found


def _taken(vectors: Any, start: int, count: int) -> FloatMatrix:
    return np.asarray(vectors[start : start + count], np.float32)


def _embeddings(folder: Path) -> list[Path]:
    return sorted((folder / EMBEDDINGS).glob("img_emb_*.npy"), key=lambda file: int(_number(file)))


def _number(file: Path) -> str:
    number = file.stem.rpartition("_")[2]
    if not number.isdecimal():
        raise MovingError(f"{file} is not called as clip-retrieval calls its files")
    return number


def _read_clip_retrieval(folder: Path) -> Iterator[Block]:
    from search_app.moving.tables import rows_of_table

    for file in _embeddings(folder):
        table = folder / METADATA / f"metadata_{_number(file)}.parquet"
        if not table.is_file():
            raise MovingError(f"{file} has no {table} beside it")
        vectors, rows, start = _matrix(file), rows_of_table(table), 0
        while batch := list(islice(rows, _ROWS)):
            yield _taken(vectors, start, len(batch)), batch
            start += len(batch)
        if start != len(vectors):
            raise MovingError(f"{file} has {len(vectors)} rows and {table} {start}")


def _read_parquet(place: Path, columns: Columns) -> Iterator[Block]:
    from search_app.moving.parts import open_part
    from search_app.moving.tables import vectors_of_table

    for file in tables_in(place):
        names = open_part(file, str(file)).schema_arrow.names
        column = columns.vector or next((name for name in _VECTOR_NAMES if name in names), "")
        if not column:
            raise MovingError(f"no column of {file} is called like vectors: name one of {', '.join(names)}")
        yield from vectors_of_table(file, column)
