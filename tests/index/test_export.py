"""An export is the points and nothing but the points, readable without an engine."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from search_app.datatypes import Manifest
from search_app.errors import IndexDamaged
from search_app.index.edge.export import MEANINGS, POINTS, VECTORS, Rows, is_good, read_export, write_export
from search_app.index.edge.wire import WordVectors
from search_app.index.payload import to_payload
from tests.index.points import DIM, FOLDER, SPEC, picture, unit

WORDS_DIM = 4
PLAIN = Manifest("images", SPEC.name, SPEC.fingerprint, DIM, FOLDER)
WITH_WORDS = replace(PLAIN, words_fingerprint="reader", words_dim=WORDS_DIM)


def word_vectors(number: int) -> WordVectors | None:
    """None for every third point, no vector by meaning for every fifth."""
    if number % 3 == 0:
        return None
    form = np.array([number, 7_000_000], np.uint32).tobytes(), np.array([0.1, 2.5], np.float32).tobytes()
    return b"" if number % 5 == 0 else unit(number + 1000, WORDS_DIM).tobytes(), form


def rows(count: int, size: int, *, words: bool = False) -> Iterator[Rows]:
    for start in range(1, count + 1, size):
        ids = list(range(start, min(start + size, count + 1)))
        vectors = np.array([unit(number) for number in ids])
        read = [word_vectors(number) if words else None for number in ids]
        yield Rows(ids, vectors, read, [to_payload(picture(number)) for number in ids])


@pytest.mark.parametrize("manifest", [PLAIN, WITH_WORDS], ids=["plain", "words"])
@pytest.mark.parametrize("count", [0, 1, 499, 500, 501, 1203])
def test_what_was_exported_is_read_back(tmp_path: Path, count: int, manifest: Manifest) -> None:
    words = bool(manifest.words_dim)
    digests = write_export(tmp_path, rows(count, 170, words=words), count, manifest)
    assert is_good(tmp_path, digests)
    batches = list(read_export(tmp_path))
    assert all(len(batch.ids) <= 500 for batch in batches)
    assert [number for batch in batches for number in batch.ids] == list(range(1, count + 1))
    for batch in batches:
        np.testing.assert_array_equal(batch.vectors, np.array([unit(number) for number in batch.ids]))
        assert batch.words == [word_vectors(number) if words else None for number in batch.ids]
        assert batch.payloads == [to_payload(picture(number)) for number in batch.ids]


def test_a_stranger_can_read_it(tmp_path: Path) -> None:
    write_export(tmp_path, rows(3, 2, words=True), 3, WITH_WORDS)
    assert np.load(tmp_path / VECTORS).shape == (3, DIM)
    meanings = np.load(tmp_path / MEANINGS)
    np.testing.assert_array_equal(meanings[1], unit(1002, WORDS_DIM))
    assert not meanings[2].any()
    lines = [json.loads(line) for line in (tmp_path / POINTS).read_text().splitlines()]
    assert [line["path"] for line in lines] == [picture(number).path for number in (1, 2, 3)]
    assert lines[1]["form"] == [[2, 7_000_000], pytest.approx([0.1, 2.5])]
    assert "form" not in lines[2]


@pytest.mark.parametrize("name", [VECTORS, MEANINGS, POINTS])
def test_a_changed_or_missing_file_is_no_good_export(tmp_path: Path, name: str) -> None:
    digests = write_export(tmp_path, rows(9, 4, words=True), 9, WITH_WORDS)
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[:-2] + b"?\n")
    assert not is_good(tmp_path, digests)
    (tmp_path / name).unlink()
    assert not is_good(tmp_path, digests)
    assert not is_good(tmp_path, {})


@pytest.mark.parametrize("counted", [8, 10])
def test_a_shard_that_counts_wrongly_is_not_exported(tmp_path: Path, counted: int) -> None:
    with pytest.raises(IndexDamaged, match=f"counts {counted} points but lists 9"):
        write_export(tmp_path, rows(9, 4), counted, PLAIN)
