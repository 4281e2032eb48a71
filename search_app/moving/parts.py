"""Whole points as Parquet: only here is `pyarrow` imported.

One row a picture. pyarrow is Apache Arrow's own library: Parquet is what pandas, Spark, DuckDB and clip-retrieval read.
"""

import base64
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import numpy as np

from search_app.datatypes import FloatMatrix, Picture, PrintedWords, SparseVector, WholePoint, Word, WordsPoint
from search_app.errors import MissingDependency, MovingError
from search_app.index.payload import is_unicode
from search_app.moving.canonical import meta_from_json, rows_of

try:
    import pyarrow as pa
    import pyarrow.parquet as pq
except ModuleNotFoundError as error:
    raise MissingDependency(
        f"snapshots and Parquet files need a package that is not installed ({error.name}): "
        f"run `pip install -r requirements-scale.txt`"
    ) from error

_FACTS = {one.name: one.type for one in fields(Picture) if one.name != "path" and one.type in {str, int}}
"""What is known about a picture in a text or a number; what later versions add has a default."""
ROWS = 1_000
"""Read at a time: memory does not grow with a file."""


def schema_of(dim: int, words_dim: int) -> pa.Schema:
    """The columns; those of the words' vectors are there where a collection has room for words (`words_dim`)."""
    words = [
        ("meaning", pa.list_(pa.float32(), words_dim)),
        ("form_indices", pa.list_(pa.uint32())),
        ("form_values", pa.list_(pa.float32())),
    ]
    return pa.schema(
        [
            ("id", pa.int64()),
            ("path", pa.string()),
            ("path_base64", pa.string()),
            *((name, pa.string() if kind is str else pa.int64()) for name, kind in _FACTS.items()),
            ("colours", pa.list_(pa.string())),
            ("meta", pa.string()),
            ("vector", pa.list_(pa.float32(), dim)),
            ("words", pa.string()),
            *(words if words_dim else []),
        ]
    )


def write_part(points: Sequence[WholePoint], dim: int, words_dim: int, *, compressed: bool) -> bytes:
    """Some points as a Parquet file; unless `compressed` it takes no less room than what is in it."""
    table = _table(points, schema_of(dim, words_dim))
    file = io.BytesIO()
    pq.write_table(table, file, compression="zstd" if compressed else "none", use_dictionary=False)
    return file.getvalue()


def _table(points: Sequence[WholePoint], schema: pa.Schema) -> pa.Table:
    pictures = [point.picture for point in points]
    columns: dict[str, Any] = {
        "id": [point.id for point in points],
        "path": [one.path if is_unicode(one.path) else None for one in pictures],
        "path_base64": [None if is_unicode(one.path) else _coded(one.path) for one in pictures],
        "meta": [json.dumps(dict(one.meta)) for one in pictures],
        "colours": [[*one.colours] for one in pictures],
        "vector": _fixed([point.vector for point in points], schema.field("vector").type),
        "words": [None if one.words is None else json.dumps(rows_of(one.words.words)) for one in points],
    }
    columns |= {name: [getattr(one, name) for one in pictures] for name in _FACTS}
    if "meaning" in schema.names:
        columns |= _word_columns([point.words for point in points], schema)
    return pa.table({name: columns[name] for name in schema.names}, schema=schema)


def _coded(path: str) -> str:
    return base64.b64encode(path.encode("utf-8", "surrogatepass")).decode()


def _fixed(rows: Sequence[Any], kind: Any, missing: Sequence[bool] | None = None) -> pa.Array:
    values = pa.array(np.concatenate(rows).astype(np.float32, copy=False))
    mask = None if missing is None else pa.array(missing)
    return pa.FixedSizeListArray.from_arrays(values, type=kind, mask=mask)


def _word_columns(words: Sequence[WordsPoint | None], schema: pa.Schema) -> dict[str, Any]:
    kind = schema.field("meaning").type
    meanings = [None if one is None else one.meaning for one in words]
    none = np.zeros(kind.list_size, np.float32)
    forms = [SparseVector(np.empty(0, np.uint32), none[:0]) if one is None else one.form for one in words]
    offsets = pa.array(np.cumsum([0, *(len(form.indices) for form in forms)]), pa.int32())
    indices = pa.array(np.concatenate([form.indices for form in forms]), pa.uint32())
    values = pa.array(np.concatenate([form.values for form in forms]), pa.float32())
    return {
        "meaning": _fixed([none if one is None else one for one in meanings], kind, [one is None for one in meanings]),
        "form_indices": pa.ListArray.from_arrays(offsets, indices),
        "form_values": pa.ListArray.from_arrays(offsets, values),
    }


def open_part(file: Path | bytes, name: str) -> pq.ParquetFile:
    """Open a Parquet file called `name` in messages; raises `MovingError` where it is none."""
    try:
        return pq.ParquetFile(io.BytesIO(file) if isinstance(file, bytes) else file)
    except (pa.ArrowException, OSError) as error:
        raise MovingError(f"{name} is no Parquet file that can be read: {error}") from None


def refuse_other_columns(part: pq.ParquetFile, dim: int, words_dim: int, name: str) -> None:
    """Raise `MovingError` where a file has not the columns of `schema_of`; those that came later may be missing."""
    found, expected = part.schema_arrow, schema_of(dim, words_dim)
    later = {one.name for one in fields(Picture) if one.default is not MISSING}
    expected = pa.schema([one for one in expected if one.name in found.names or one.name not in later])
    if not found.equals(expected):
        raise MovingError(f"{name} has other columns than a snapshot of this program: {', '.join(found.names[:40])}")


def refuse_coded(part: pq.ParquetFile, name: str) -> None:
    """Raise `MovingError` where reading a file would make more of it than lies in it, as a bomb does."""
    for number in range(part.metadata.num_row_groups):
        group = part.metadata.row_group(number)
        for place in range(group.num_columns):
            column = group.column(place)
            if column.compression != "UNCOMPRESSED" or not {*column.encodings} <= {"PLAIN", "RLE"}:
                raise MovingError(f"{name} is compressed, which no snapshot of this program is: it is not opened")


def read_part(part: pq.ParquetFile, name: str) -> Iterator[WholePoint]:
    """The points of a file with the columns of `schema_of`; raises `MovingError` for values that are none of ours."""
    try:
        for batch in part.iter_batches(batch_size=ROWS):
            yield from _points(batch)
    except (pa.ArrowException, OSError, ValueError, TypeError, KeyError, IndexError) as error:
        raise MovingError(f"{name} holds what is no picture of an index: {type(error).__name__}: {error}") from None


def _points(batch: pa.RecordBatch) -> Iterator[WholePoint]:
    plain = batch.drop_columns([one for one in _VECTORS if one in batch.schema.names]).to_pylist()
    vectors = matrix_of(batch.column("vector"))
    words = _words(batch, plain)
    for row, vector, one in zip(plain, vectors, words, strict=True):
        yield WholePoint(row["id"], vector, _picture(row), one)


_VECTORS = ("vector", "meaning", "form_indices", "form_values")


def matrix_of(column: Any) -> FloatMatrix:
    """A column of vectors without missing ones as float32 rows; raises `ValueError` where their lengths differ."""
    if column.null_count:
        raise ValueError(f"{column.null_count} vectors are missing")
    rows = np.asarray(column.flatten().to_numpy(zero_copy_only=False), np.float32)
    return rows.reshape(len(column), -1) if len(column) else rows.reshape(0, 0)


def _picture(row: dict[str, Any]) -> Picture:
    path = row["path"]
    if path is None:
        path = base64.b64decode(row["path_base64"]).decode("utf-8", "surrogatepass")
    facts = {name: row[name] for name in _FACTS if name in row}
    return Picture(path=path, colours=tuple(row["colours"]), meta=meta_from_json(row["meta"]), **facts)


def _words(batch: pa.RecordBatch, rows: Sequence[dict[str, Any]]) -> Iterator[WordsPoint | None]:
    if "meaning" not in batch.schema.names:
        yield from (None for _ in rows)
        return
    column = batch.column("meaning")
    there = column.is_valid().to_numpy(zero_copy_only=False)
    meanings = iter(matrix_of(column.drop_null()))
    forms = zip(batch.column("form_indices"), batch.column("form_values"), strict=True)
    for row, has_meaning, (indices, values) in zip(rows, there, forms, strict=True):
        meaning = next(meanings) if has_meaning else None
        if row["words"] is None:
            yield None
            continue
        form = SparseVector(np.array(indices.as_py(), np.uint32), np.array(values.as_py(), np.float32))
        yield WordsPoint(row["id"], _printed(json.loads(row["words"])), meaning, form)


def _printed(rows: list[Any]) -> PrintedWords:
    source, *words = rows
    found = [(str(text), float(confidence), tuple(map(float, box))) for text, confidence, *box in words]
    return PrintedWords(tuple(Word(text, box if len(box) == 4 else None, sure) for text, sure, box in found), source)
