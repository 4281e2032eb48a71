"""The lines of a metadata file or a list as names and values, from CSV or from JSON Lines."""

import csv
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from search_app.datatypes import MetaValue
from search_app.index.conditions import EXACT, META_NAME, text_of
from search_app.index.payload import is_unicode

MAX_TEXT = 4096
MAX_ITEMS = 256
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d{1,3})?", re.ASCII)
"""No leading zeros: what has them is a code, not a number."""


class BadLine(Exception):
    """What is wrong with a line."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line, self.reason = line, reason


@dataclass(frozen=True, slots=True)
class Row:
    """What one line says about one picture."""

    line: int
    key: str
    """The column that names the picture."""
    name: str
    values: Mapping[str, MetaValue]


def json_rows(lines: Iterable[str], keys: Sequence[str]) -> Iterator[Row]:
    """One object a line; a value is text, a number, true, false, a list of those, or null for none."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        record = _json_object(number, line)
        key = next((key for key in keys if key in record), None)
        name = record.pop(key) if key else None
        if key is None or not isinstance(name, str):
            raise BadLine(number, f"no text in a field {', '.join(keys[:-1])} or {keys[-1]} that names the picture")
        yield Row(number, key, name, values_of(number, record))


def json_row(text: str) -> Mapping[str, MetaValue]:
    """The fields of one object, about a picture that is known otherwise; raises `BadLine`."""
    return values_of(1, _json_object(1, text))


def _json_object(line: int, text: str) -> dict[str, Any]:
    try:
        record = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise BadLine(line, f"no JSON ({error})") from None
    if not isinstance(record, dict):
        raise BadLine(line, "no JSON object")
    return record


def values_of(line: int, record: Mapping[str, Any]) -> Mapping[str, MetaValue]:
    """What the fields of one record say; raises `BadLine` for a name or a value that cannot be a field."""
    _check_names(line, record)
    read = {field: _json_value(line, field, value) for field, value in record.items()}
    return {field: value for field, value in read.items() if value is not None}


def _check_names(line: int, names: Iterable[str]) -> None:
    for name in names:
        if not META_NAME.fullmatch(name):
            raise BadLine(line, f"{name!r} cannot be a field: call it by 1 to 64 letters, digits and _")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _json_value(line: int, field: str, value: Any) -> MetaValue | None:
    if isinstance(value, list):
        if len(value) > MAX_ITEMS or any(isinstance(item, list | dict) or item is None for item in value):
            raise BadLine(line, f"{field!r} is no list of at most {MAX_ITEMS} texts and numbers")
        items = [_json_value(line, field, item) for item in value]
        return tuple(text_of(item) for item in items if item is not None and not isinstance(item, tuple)) or None
    if isinstance(value, dict):
        raise BadLine(line, f"{field!r} is an object: give text, a number, true, false or a list")
    if isinstance(value, str):
        return _text(line, field, value)
    if (isinstance(value, int) and abs(value) > EXACT) or (isinstance(value, float) and not math.isfinite(value)):
        raise BadLine(line, f"{field!r} is too large a number: write it as text")
    return value  # type: ignore[no-any-return]  # a number, a truth value or None


def _text(line: int, field: str, value: str) -> str | None:
    if len(value) > MAX_TEXT or not is_unicode(value):
        raise BadLine(line, f"{field!r} is longer than {MAX_TEXT} letters or no valid Unicode")
    return value or None


def csv_rows(lines: Iterable[str], keys: Sequence[str], find: Callable[[str, str], str | None]) -> Iterator[Row]:
    """A header, then one line a picture; an empty cell says nothing.

    A column is of one kind, that of all its cells: true and false, numbers, JSON lists, else text. So all lines must be
    seen before the first is handed out; only those about pictures that `find` knows are kept meanwhile.
    """
    cells = _cells(lines)
    first, header = next(cells, (1, []))
    key = next((key for key in keys if key in header), None)
    if key is None:
        raise BadLine(first, f"the header has no column {', '.join(keys[:-1])} or {keys[-1]} that names the picture")
    if len(set(header)) != len(header):
        raise BadLine(first, "the header has a column twice")
    place = header.index(key)
    _check_names(first, header)
    columns = [_Column(name) for name in header]
    kept: list[tuple[int, str, list[str]]] = []
    for line, row in cells:
        if len(row) != len(header):
            raise BadLine(line, f"{len(row)} cells where the header has {len(header)}")
        for column, cell in zip(columns, row, strict=True):
            column.see(line, cell)
        name = row[place]
        kept.append((line, name, row if find(key, name) is not None else []))
    for line, name, row in kept:
        pairs = [(column.name, column.value(cell)) for column, cell in zip(columns, row, strict=False) if cell]
        yield Row(line, key, name, {field: value for field, value in pairs if field != key and value != ()})


def _cells(lines: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
    """Line numbers and cells; tabs or semicolons part them where the header has no comma."""
    source = iter(lines)
    header = next(source, "")
    if header.startswith("["):
        raise BadLine(1, "a JSON array: write one object a line instead")
    delimiter = next((mark for mark in ",\t;" if mark in header), ",")
    reader = csv.reader(_again(header, source), delimiter=delimiter, strict=True)
    try:
        for row in reader:
            if row:
                yield reader.line_num, row
    except csv.Error as error:
        raise BadLine(reader.line_num, f"no CSV ({error})") from None


def _again(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rest


@dataclass(slots=True)
class _Column:
    """One column, and what all of its cells so far could be."""

    name: str
    could_be: tuple[str, ...] = ("bool", "number", "list")

    def see(self, line: int, cell: str) -> None:
        if len(cell) > MAX_TEXT:
            raise BadLine(line, f"{self.name!r} is longer than {MAX_TEXT} letters")
        if cell and self.could_be:
            self.could_be = tuple(kind for kind in self.could_be if _READ[kind](cell) is not None)

    def value(self, cell: str) -> MetaValue:
        found = _READ[self.could_be[0]](cell) if self.could_be else None
        return cell if found is None else found


def _bool(cell: str) -> bool | None:
    return {"true": True, "false": False}.get(cell.lower())


def _number(cell: str) -> float | None:
    if not _NUMBER.fullmatch(cell):
        return None
    number = float(cell)
    if cell.lstrip("-").isdecimal():
        return int(cell) if abs(number) <= EXACT else None
    return number if math.isfinite(number) else None


def _list(cell: str) -> tuple[str, ...] | None:
    if not cell.startswith("["):
        return None
    try:
        items = json.loads(cell, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return None
    if not isinstance(items, list) or len(items) > MAX_ITEMS:
        return None
    if not all(isinstance(item, str | int | float) for item in items):
        return None
    texts = tuple(map(text_of, items))
    return texts if all(map(is_unicode, texts)) else None


_READ: dict[str, Callable[[str], MetaValue | None]] = {"bool": _bool, "number": _number, "list": _list}
