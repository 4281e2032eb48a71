"""The export of a generation: `vectors.npy`, `meaning.npy` and `points.jsonl`, in id order, for any program to read.

A damaged shard is rebuilt from it, with the same ids and vectors, and a collection can be moved to a server.
`meaning.npy` is there when the collection holds words; a picture without words has a row of zeros in it. The sparse
vectors lie as `"form": [indices, values]` in the lines.
"""

import hashlib
import json
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.lib.format import dtype_to_descr, write_array_header_1_0

from search_app.datatypes import FloatMatrix, Manifest
from search_app.errors import IndexDamaged
from search_app.index.edge.wire import WordVectors
from search_app.index.fields import FORM

VECTORS = "vectors.npy"
MEANINGS = "meaning.npy"
POINTS = "points.jsonl"
Digests: TypeAlias = dict[str, str]
"""BLAKE2b of each file by its name."""
_BATCH = 500


class Rows(NamedTuple):
    """Some whole points."""

    ids: list[int]
    vectors: FloatMatrix
    """Shape (n, dim)."""
    words: list[WordVectors | None]
    payloads: list[dict[str, Any]]

    def taken(self, places: Sequence[int]) -> "Rows":
        """Those at some places."""
        return Rows(
            [self.ids[place] for place in places],
            self.vectors[list(places)],
            [self.words[place] for place in places],
            [self.payloads[place] for place in places],
        )

    @classmethod
    def joined(cls, parts: Sequence["Rows"]) -> "Rows":
        """All of several, one after the other."""
        return cls(
            [number for part in parts for number in part.ids],
            np.concatenate([part.vectors for part in parts]),
            [words for part in parts for words in part.words],
            [payload for part in parts for payload in part.payloads],
        )


def write_export(folder: Path, batches: Iterable[Rows], count: int, manifest: Manifest) -> Digests:
    """Write `count` points and return the digests; dimensions are the manifest's.

    Raises `IndexDamaged` when `batches` yield another number of points.
    """
    dims = {VECTORS: manifest.dim} | ({MEANINGS: manifest.words_dim} if manifest.words_dim else {})
    written = 0
    with ExitStack() as open_files:
        lines = open_files.enter_context((folder / POINTS).open("w", encoding="utf-8"))
        files = {name: open_files.enter_context((folder / name).open("wb")) for name in dims}
        for name, file in files.items():
            write_array_header_1_0(file, _header(count, dims[name]))
        for rows in batches:
            for name, file in files.items():
                matrix = rows.vectors if name == VECTORS else _meanings(rows, dims[name])
                file.write(np.ascontiguousarray(matrix, np.float32).tobytes())
            written += len(rows.ids)
            lines.writelines(_line(*point) for point in zip(rows.ids, rows.words, rows.payloads, strict=True))
    if written != count:
        raise IndexDamaged(f"the shard beside {folder / POINTS} counts {count} points but lists {written}")
    return {name: _digest(folder / name) for name in (*dims, POINTS)}


def _header(count: int, dim: int) -> dict[str, Any]:
    """Of a matrix that is written row by row: a full disk is an error there, and SIGBUS where the file is mapped."""
    return {"descr": dtype_to_descr(np.dtype(np.float32)), "fortran_order": False, "shape": (count, dim)}


def _meanings(rows: Rows, dim: int) -> FloatMatrix:
    matrix = np.zeros((len(rows.ids), dim), np.float32)
    for place, words in enumerate(rows.words):
        if words and words[0]:
            matrix[place] = np.frombuffer(words[0], np.float32)
    return matrix


def _line(number: int, words: WordVectors | None, payload: Mapping[str, Any]) -> str:
    line = {"id": number, **payload}
    if words:
        indices, values = words[1]
        line[FORM] = [np.frombuffer(indices, np.uint32).tolist(), np.frombuffer(values, np.float32).tolist()]
    return json.dumps(line) + "\n"


def patched(base: Path, touched: AbstractSet[int], fresh: Rows) -> Iterator[Rows]:
    """The points of the export in `base` without the `touched` ones, with `fresh`, in id order, in their places.

    Reading every vector back from an engine takes seconds, which a few changed points are not worth.
    """
    start = 0
    for old in read_export(base):
        end = bisect_right(fresh.ids, old.ids[-1])
        kept = [place for place, number in enumerate(old.ids) if number not in touched]
        yield _merged(old.taken(kept), fresh.taken(range(start, end)))
        start = end
    yield fresh.taken(range(start, len(fresh.ids)))


def _merged(first: Rows, second: Rows) -> Rows:
    both = Rows.joined([first, second])
    return both.taken(np.argsort(np.array(both.ids, np.int64)).tolist())


def is_good(folder: Path, digests: Mapping[str, str]) -> bool:
    """Whether both files are there, unchanged since they were written."""
    try:
        return bool(digests) and all(_digest(folder / name) == digest for name, digest in digests.items())
    except OSError:
        return False


def read_export(folder: Path) -> Iterator[Rows]:
    """The points in batches of at most 500, in id order."""
    with (folder / POINTS).open(encoding="utf-8") as lines:
        start = 0
        while batch := [json.loads(line) for line in islice(lines, _BATCH)]:
            yield _rows(folder, start, batch)
            start += len(batch)


def _rows(folder: Path, start: int, batch: list[dict[str, Any]]) -> Rows:
    part = slice(start, start + len(batch))
    vectors = np.array(np.load(folder / VECTORS, mmap_mode="r")[part])
    has_words = (folder / MEANINGS).exists()
    meanings = np.load(folder / MEANINGS, mmap_mode="r")[part] if has_words else [None] * len(batch)
    ids = [int(payload.pop("id")) for payload in batch]
    words = [to_row_words(meaning, payload) for meaning, payload in zip(meanings, batch, strict=True)]
    return Rows(ids, vectors, words, batch)


def to_row_words(meaning: Any, payload: dict[str, Any]) -> WordVectors | None:
    """The vectors of a point's words, of a row of `meaning.npy` and of a line, which is left as its payload."""
    form = payload.pop(FORM, None)
    if form is None:
        return None
    indices, values = form
    dense = meaning.tobytes() if meaning is not None and meaning.any() else b""
    return dense, (array("I", indices).tobytes(), array("f", values).tobytes())


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
