"""An export is the points and nothing but the points, readable without an engine."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from search_app.errors import IndexDamaged
from search_app.index.edge.export import POINTS, VECTORS, Rows, is_good, read_export, write_export
from search_app.index.payload import to_payload
from tests.index.points import DIM, picture, unit


def rows(count: int, size: int) -> Iterator[Rows]:
    for start in range(1, count + 1, size):
        ids = list(range(start, min(start + size, count + 1)))
        yield ids, np.array([unit(number) for number in ids]), [to_payload(picture(number)) for number in ids]


@pytest.mark.parametrize("count", [0, 1, 499, 500, 501, 1203])
def test_what_was_exported_is_read_back(tmp_path: Path, count: int) -> None:
    digests = write_export(tmp_path, rows(count, 170), count, DIM)
    assert is_good(tmp_path, digests)
    batches = list(read_export(tmp_path))
    assert all(len(ids) <= 500 for ids, _, _ in batches)
    ids = [number for batch, _, _ in batches for number in batch]
    assert ids == list(range(1, count + 1))
    for batch, vectors, payloads in batches:
        np.testing.assert_array_equal(vectors, np.array([unit(number) for number in batch]))
        assert payloads == [to_payload(picture(number)) for number in batch]


def test_a_stranger_can_read_it(tmp_path: Path) -> None:
    write_export(tmp_path, rows(3, 2), 3, DIM)
    assert np.load(tmp_path / VECTORS).shape == (3, DIM)
    lines = [json.loads(line) for line in (tmp_path / POINTS).read_text().splitlines()]
    assert [line["path"] for line in lines] == [picture(number).path for number in (1, 2, 3)]


@pytest.mark.parametrize("name", [VECTORS, POINTS])
def test_a_changed_or_missing_file_is_no_good_export(tmp_path: Path, name: str) -> None:
    digests = write_export(tmp_path, rows(9, 4), 9, DIM)
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[:-2] + b"?\n")
    assert not is_good(tmp_path, digests)
    (tmp_path / name).unlink()
    assert not is_good(tmp_path, digests)
    assert not is_good(tmp_path, {})


@pytest.mark.parametrize("counted", [8, 10])
def test_a_shard_that_counts_wrongly_is_not_exported(tmp_path: Path, counted: int) -> None:
    with pytest.raises(IndexDamaged, match=f"counts {counted} points but lists 9"):
        write_export(tmp_path, rows(9, 4), counted, DIM)
