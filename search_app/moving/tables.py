"""Parquet of others: vectors in a column, or the metadata that lies beside clip-retrieval's; imports `pyarrow`."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from search_app.datatypes import FloatMatrix
from search_app.errors import MissingDependency, MovingError
from search_app.moving.parts import ROWS, matrix_of, open_part

try:
    import pyarrow as pa
    import pyarrow.parquet as pq
except ModuleNotFoundError as error:  # `parts` says it first
    raise MissingDependency(f"{error.name} is not installed: run `pip install -r requirements-scale.txt`") from error


def rows_of_table(file: Path) -> Iterator[dict[str, Any]]:
    """The rows of a Parquet file as they lie in it, some at a time."""
    part = open_part(file, str(file))
    try:
        for batch in part.iter_batches(batch_size=ROWS):
            yield from batch.to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise MovingError(f"{file} cannot be read: {error}") from None


def count_of_table(file: Path) -> int:
    """How many rows a Parquet file has."""
    return int(open_part(file, str(file)).metadata.num_rows)


def vectors_of_table(file: Path, column: str) -> Iterator[tuple[FloatMatrix, list[dict[str, Any]]]]:
    """The vectors in a column (lists of numbers) and the other columns, some rows at a time."""
    part = open_part(file, str(file))
    if column not in part.schema_arrow.names:
        raise MovingError(f"{file} has no column {column!r}: it has {', '.join(part.schema_arrow.names)}")
    try:
        for batch in part.iter_batches(batch_size=ROWS):
            yield matrix_of(batch.column(column)), batch.drop_columns([column]).to_pylist()
    except (pa.ArrowException, OSError, ValueError, TypeError) as error:
        raise MovingError(f"column {column!r} of {file} holds no vectors of one length: {error}") from None


def write_table(file: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Rows as Parquet; a column for each name that is in any of them."""
    names = dict.fromkeys(name for row in rows for name in row)
    pq.write_table(pa.table({name: pa.array([row.get(name) for row in rows]) for name in names}), file)
