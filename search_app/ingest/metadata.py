"""What a metadata file says about the pictures of a folder: CSV with a header, or JSON Lines.

One column or field names the picture: `path`, relative to the folder, or `file` or `filename`, for which the name alone
will do where only one picture has it. The others become fields of the picture. Whatever is wrong in the file is one
`IngestError` that names the line, before anything is changed.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path, PurePosixPath

from search_app.datatypes import MetaValue
from search_app.errors import IngestError
from search_app.images.scan import ScanResult
from search_app.ingest.report import MetadataReport
from search_app.sources.rows import BadLine, Row, csv_rows, json_rows

MAX_BYTES = 256 * 2**20
MAX_LINE_BYTES = 2**20
MAX_FIELDS = 64
"""Of all pictures together: each is indexed for filters and counting."""
KEYS = ("path", "file", "filename")
LISTED = 1000
"""Unknown paths that are kept for the report; all are counted."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a file says, by the path of the picture."""

    values: Mapping[str, Mapping[str, MetaValue]]
    unknown_count: int = 0
    """Lines about something that is no picture of the folder."""
    unknown: tuple[str, ...] = ()
    """The first of them."""

    def report(self) -> MetadataReport:
        """What it was good for."""
        return MetadataReport(len(self.values), self.fields, self.unknown_count, self.unknown)

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of all fields, sorted."""
        return tuple(sorted({name for values in self.values.values() for name in values}))


def read_metadata(file: Path, paths: Sequence[str]) -> Metadata:
    """Read a file about the pictures at `paths`; raises `IngestError` that names file and line.

    The content tells the kind: a file whose first character is `{` is JSON Lines.
    """
    try:
        lines = _lines(file)
        first = next(lines, "")
        everything = chain([first], lines)
        finder = _Finder(paths)
        rows = (
            json_rows(everything, KEYS) if first.lstrip().startswith("{") else csv_rows(everything, KEYS, finder.find)
        )
        return _gather(rows, finder)
    except BadLine as problem:
        raise IngestError(f"{file}, line {problem.line}: {problem.reason}. Nothing was changed") from None
    except OSError as error:
        raise IngestError(f"{file} cannot be read: {error.strerror or error}. Nothing was changed") from None


def _lines(file: Path) -> Iterator[str]:
    """The lines with their ends, one at a time; a byte order mark is passed over."""
    with file.open("rb") as stream:
        size, number = 0, 0
        while data := stream.readline(MAX_LINE_BYTES + 1):
            number += 1
            size += len(data)
            if len(data) > MAX_LINE_BYTES or size > MAX_BYTES:
                raise BadLine(
                    number,
                    f"more than {MAX_LINE_BYTES >> 20} MiB in a line or {MAX_BYTES >> 20} MiB in the file: is it the "
                    "right file?",
                )
            try:
                yield data.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError:
                raise BadLine(number, "not UTF-8: save it in that encoding") from None


def gather_metadata(scan: ScanResult, file: Path | None) -> Metadata | None:
    """What the source itself says about its pictures and, over it, what a file says; None where neither says anything.

    Raises `IngestError` as `read_metadata` does, and for too many fields.
    """
    said = read_metadata(file, [ref.path for ref in scan.found]) if file else None
    if scan.meta is None:
        return said
    over = said or Metadata({})
    values = {path: {**scan.meta.get(path, {}), **over.values.get(path, {})} for path in {*scan.meta, *over.values}}
    whole = Metadata(values, over.unknown_count, over.unknown)
    if len(whole.fields) > MAX_FIELDS:
        raise IngestError(
            f"pictures have {len(whole.fields)} fields, such as {', '.join(whole.fields[:5])}: at most {MAX_FIELDS} "
            "are indexed, so leave out what nobody asks for. Nothing was changed"
        )
    return whole


@dataclass(slots=True)
class _Finder:
    """Which picture a line is about."""

    paths: Collection[str]
    by_name: dict[str, str | None] = field(default_factory=dict)
    """The one picture of that file name; None: several have it."""

    def __post_init__(self) -> None:
        self.paths = frozenset(self.paths)
        for path in self.paths:
            name = PurePosixPath(path).name
            self.by_name[name] = None if name in self.by_name else path

    def find(self, key: str, name: str) -> str | None:
        path = name.removeprefix("./")
        if path in self.paths:
            return path
        return self.by_name.get(name) if key != "path" else None


def _gather(rows: Iterable[Row], finder: _Finder) -> Metadata:
    values: dict[str, Mapping[str, MetaValue]] = {}
    lines: dict[str, int] = {}
    fields: set[str] = set()
    unknown_count = 0
    unknown: list[str] = []
    for row in rows:
        path = finder.find(row.key, row.name)
        new = row.values.keys() - fields
        if new:
            fields |= new
            if len(fields) > MAX_FIELDS:
                raise BadLine(row.line, f"more than {MAX_FIELDS} fields: leave out what nobody asks for")
        if path is None:
            unknown_count += 1
            unknown += [row.name] if len(unknown) < LISTED else []
        elif path in lines:
            raise BadLine(row.line, f"{row.name!r} is there a second time, first in line {lines[path]}")
        else:
            lines[path] = row.line
            values[path] = row.values
    return Metadata({path: found for path, found in values.items() if found}, unknown_count, tuple(unknown))
