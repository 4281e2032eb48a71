"""The export of a generation: `vectors.npy` and `points.jsonl`, in id order, readable without any engine.

A damaged shard is rebuilt from it, with the same ids and vectors, and a collection can be moved to a server.
"""

import hashlib
import json
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.lib.format import open_memmap

from search_app.datatypes import FloatMatrix
from search_app.errors import IndexDamaged

VECTORS = "vectors.npy"
POINTS = "points.jsonl"
Rows: TypeAlias = tuple[list[int], FloatMatrix, list[dict[str, Any]]]
"""Ids, vectors (n, dim) and payloads of some points."""
Digests: TypeAlias = dict[str, str]
"""BLAKE2b of each file by its name."""
_BATCH = 500


def write_export(folder: Path, rows: Iterable[Rows], count: int, dim: int) -> Digests:
    """Write `count` points and return the digests.

    Raises `IndexDamaged` when `rows` yields another number of points.
    """
    written = 0
    with (folder / POINTS).open("w", encoding="utf-8") as lines:
        # numpy cannot map an empty file: the header alone is written by save
        matrix = open_memmap(folder / VECTORS, "w+", np.float32, (count, dim)) if count else None
        if matrix is None:
            np.save(folder / VECTORS, np.empty((0, dim), np.float32))
        for ids, vectors, payloads in rows:
            if matrix is not None and written + len(ids) <= count:
                matrix[written : written + len(ids)] = vectors
            written += len(ids)
            lines.writelines(
                json.dumps({"id": number, **payload}) + "\n" for number, payload in zip(ids, payloads, strict=True)
            )
        if matrix is not None:
            matrix.flush()
    if written != count:
        raise IndexDamaged(f"the shard beside {folder / POINTS} counts {count} points but lists {written}")
    return {name: _digest(folder / name) for name in (VECTORS, POINTS)}


def patched(base: Path, touched: AbstractSet[int], fresh: Rows) -> Iterator[Rows]:
    """The points of the export in `base` without the `touched` ones, with `fresh`, in id order, in their places.

    Reading every vector back from an engine takes seconds, which a few changed points are not worth.
    """
    ids, vectors, payloads = fresh
    start = 0
    for old_ids, old_vectors, old_payloads in read_export(base):
        end = bisect_right(ids, old_ids[-1])
        kept = [place for place, number in enumerate(old_ids) if number not in touched]
        all_ids = [old_ids[place] for place in kept] + ids[start:end]
        all_payloads = [old_payloads[place] for place in kept] + payloads[start:end]
        all_vectors = np.concatenate([old_vectors[kept], vectors[start:end]])
        order = np.argsort(np.array(all_ids, np.int64))
        yield [all_ids[place] for place in order], all_vectors[order], [all_payloads[place] for place in order]
        start = end
    yield ids[start:], vectors[start:], payloads[start:]


def is_good(folder: Path, digests: Mapping[str, str]) -> bool:
    """Whether both files are there, unchanged since they were written."""
    try:
        return bool(digests) and all(_digest(folder / name) == digest for name, digest in digests.items())
    except OSError:
        return False


def read_export(folder: Path) -> Iterator[Rows]:
    """The points in batches of at most 500, in id order."""
    matrix = np.load(folder / VECTORS, mmap_mode="r") if (folder / POINTS).stat().st_size else []
    with (folder / POINTS).open(encoding="utf-8") as lines:
        start = 0
        batch: list[dict[str, Any]] = []
        for line in lines:
            batch.append(json.loads(line))
            if len(batch) == _BATCH:
                yield _rows(batch, matrix[start : start + _BATCH])
                start, batch = start + _BATCH, []
        if batch:
            yield _rows(batch, matrix[start:])


def _rows(batch: list[dict[str, Any]], vectors: Any) -> Rows:
    ids = [int(payload.pop("id")) for payload in batch]
    return ids, np.array(vectors, np.float32), batch


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
