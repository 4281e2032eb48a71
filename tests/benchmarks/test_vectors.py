"""The benchmarks of the index run and make their tables of what they wrote, over a few made-up vectors."""

import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.speed import results
from benchmarks.speed.exact import neighbours
from benchmarks.speed.growth import Stream, Truth
from benchmarks.speed.synthetic import Synthetic
from benchmarks.speed.vectors import Cache, cut, pictures
from search_app.encoders.stub import StubEncoder

ROOT = Path(__file__).resolve().parents[2]
DIM = 32


def unit_rows(count: int, seed: int) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(count, DIM)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """What `vectors` would have made."""
    folder = tmp_path / "cache"
    folder.mkdir()
    np.save(folder / "real-00000.npy", unit_rows(1_024, 0))
    np.save(folder / "sentences.npy", unit_rows(64, 1))
    return folder


@pytest.mark.parametrize("name", ["synthetic", "index_sweep", "filtered", "growth", "profiles"])
def test_a_quick_run_writes_what_its_table_is_made_of(
    name: str, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = [] if name == "synthetic" else ["--work", str(tmp_path / "work")]
    picture = ["--picture", str(tmp_path / "curves.svg")] if name == "growth" else []
    if name == "growth":
        pytest.importorskip("matplotlib", reason="the curves need it: pip install -r requirements-train.txt")
    folder = tmp_path / "results"
    monkeypatch.setattr(
        sys, "argv", [name, "--quick", "--cache", str(cache), "--results", str(folder), *work, *picture]
    )
    module = import_module(f"benchmarks.speed.{name}")
    module.main()
    result = results.read(name, results=folder)
    lines = module.table(result).splitlines()
    assert len(lines) >= 4
    assert {line.count("|") for line in lines} == {lines[0].count("|")}
    assert str(tmp_path) not in result.command


def test_growth_goes_on_where_it_was(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib", reason="the curves need it: pip install -r requirements-train.txt")
    growth = import_module("benchmarks.speed.growth")
    for sizes in (["100"], ["150", "200"]):
        places = ["--cache", cache, "--work", tmp_path / "work", "--results", tmp_path, "--picture", tmp_path / "c.svg"]
        monkeypatch.setattr(sys, "argv", ["growth", *map(str, places), "--queries", "5", "--sizes", *sizes])
        growth.main()
    reached = results.read("growth", results=tmp_path).figures["sizes"]
    assert [one["count"] for one in reached] == [100, 150, 200]
    assert [one["added"] for one in reached] == [100, 50, 50]
    assert [one["recall"] for one in reached] == [1.0, 1.0, 1.0]


def test_pictures_become_vectors_and_the_next_run_goes_on(tmp_path: Path) -> None:
    found, cache, encoder = pictures([ROOT / "sample" / "images"])[:3], Cache(tmp_path), StubEncoder()
    cache.fill(encoder, found, 7)
    first = cache.real()
    assert first.shape == (7, encoder.spec.dim)
    with Image.open(found[0]) as whole:
        alone = encoder.encode_images(encoder.prepare(whole.convert("RGB"))[None])[0]
    np.testing.assert_allclose(first[0], alone, atol=1e-6)
    assert not np.allclose(first[0], first[3], atol=1e-3), "the second turn takes cuts"


def test_a_cut_is_a_part_and_always_the_same() -> None:
    picture = Image.effect_noise((200, 100), 50)
    one, again, other = cut(picture, "a.jpg", 1), cut(picture, "a.jpg", 1), cut(picture, "a.jpg", 2)
    assert one.tobytes() == again.tobytes()
    assert one.tobytes() != other.tobytes()
    assert 0.05 * 20_000 < one.width * one.height < 0.55 * 20_000


def test_synthetic_vectors_are_unit_rows_and_their_order_does_not_depend_on_their_number() -> None:
    synthetic = Synthetic.around(unit_rows(50, 0))
    some, more = synthetic.rows(10), synthetic.rows(5_000)
    np.testing.assert_array_equal(some, more[:10])
    np.testing.assert_allclose(np.linalg.norm(more, axis=1), 1, atol=1e-5)
    assert len(np.unique(more, axis=0)) == 5_000


def test_what_streams_by_in_pieces_is_what_lies_there_at_once(tmp_path: Path) -> None:
    stream, queries = Stream.of(unit_rows(300, 0)), unit_rows(4, 1)
    every = np.concatenate([rows for _, rows in stream.between(0, 900)])
    for first, end in ((0, 250), (250, 700), (700, 900)):
        truth = Truth(tmp_path / "truth.npz", queries)
        for at, rows in stream.between(first, end):
            np.testing.assert_array_equal(rows, every[at : at + len(rows)])
            truth.see(at + 1, rows)
        truth.keep()
    np.testing.assert_array_equal(truth.ids, neighbours(queries, every, 10)[0] + 1)
