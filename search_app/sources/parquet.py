"""The rows of a Parquet file, some thousand at a time, by pyarrow."""

import math
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from search_app.errors import MissingDependency
from search_app.sources.rows import BadLine, Row, values_of
from search_app.sources.stores import ByteStream

INSTALL = "pip install -r requirements-scale.txt"
_AT_ONCE = 4096


def parquet_rows(stream: ByteStream, keys: Sequence[str]) -> Iterator[Row]:
    """Rows by number, the first is 1; a file that cannot be sought in is copied to the disk first.

    Raises `BadLine` for what is no Parquet file, has no column out of `keys`, or holds values that are no fields.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise MissingDependency(f"lists in Parquet need pyarrow: {INSTALL}") from None
    with ExitStack() as stack:
        file: Any = stream
        if not hasattr(stream, "seek"):
            file = stack.enter_context(tempfile.TemporaryFile())
            shutil.copyfileobj(stream, file, 2**20)
            file.seek(0)
        number = 0
        try:
            table = pq.ParquetFile(file)
            key = next((key for key in keys if key in table.schema_arrow.names), None)
            if key is None:
                raise BadLine(1, f"no column {', '.join(keys[:-1])} or {keys[-1]} that names the picture")
            for batch in table.iter_batches(_AT_ONCE):
                for record in batch.to_pylist():
                    number += 1
                    name = record.pop(key)
                    if not isinstance(name, str):
                        raise BadLine(number, f"no text in the column {key}")
                    plain = {column: _plain(value) for column, value in record.items()}
                    yield Row(number, key, name, values_of(number, plain))
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise BadLine(number + 1, f"no Parquet that can be read ({str(error)[:200]})") from None


def _plain(value: object) -> object:
    """What JSON would have in its place."""
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, float) and math.isnan(value):
        return None
    return value
