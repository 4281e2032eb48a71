"""A model that is broken stops an index run with a sentence, before it has changed anything."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from search_app.cli.program import main
from search_app.datatypes import FloatMatrix, PixelBatch
from search_app.encoders.soundness import SAME, are_one, probe_pictures
from search_app.encoders.stub import StubEncoder
from search_app.errors import EncoderError
from search_app.index.memory.store import MemoryStore
from search_app.ingest.pipeline import IngestOptions, run_ingest
from tests.truth.conftest import World
from tests.truth.made_model import make_model, write_pictures
from tests.truth.test_doctor import state_of
from tests.truth.test_readiness import spec_of


@pytest.mark.parametrize("image", ["zero", "nan", "constant"])
def test_a_broken_export_fills_no_index(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], image: str
) -> None:
    make_model(world.home / "model", image=image, fingerprint=spec_of(world).fingerprint)
    Image.new("RGB", (64, 48), (9, 200, 99)).save(world.home / "pictures" / "one more.png")
    monkeypatch.chdir(world.home)
    shards = state_of(world.home / "qdrant_storage" / "images" / "gen-000001")
    assert main(["index", "pictures", "--model", world.model, "--no-words"]) == 2
    assert "damaged" in capsys.readouterr().err
    assert state_of(world.home / "qdrant_storage" / "images" / "gen-000001") == shards


class Breaking(StubEncoder):
    """Works for its first batches, then gives what `after` makes of sound vectors."""

    def __init__(self, sound: int, after: FloatMatrix | float) -> None:
        super().__init__()
        self.sound, self.after = sound, after

    @property
    def spec(self):
        from dataclasses import replace

        return replace(super().spec, batch_size=4)

    def encode_images(self, pixels: PixelBatch) -> FloatMatrix:
        self.sound -= 1
        vectors = super().encode_images(pixels)
        return vectors if self.sound >= 0 else (vectors * 0 + self.after).astype(np.float32)


def noise(folder: Path, count: int) -> None:
    folder.mkdir()
    for number in range(count):
        pixels = np.random.default_rng(number).integers(0, 256, (4, 4, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((64, 64), Image.Resampling.NEAREST).save(folder / f"{number}.png")


def progress(done: int, total: int, failed: int) -> None:
    """Nobody looks."""


@pytest.mark.parametrize("after", [np.nan, 0.0, 16**-0.5, np.inf])
def test_a_model_that_breaks_in_the_middle_stops_the_run(tmp_path: Path, after: float) -> None:
    noise(tmp_path / "pictures", 12)
    store = MemoryStore("images")
    with pytest.raises(EncoderError, match=r"finite|same vector"):
        run_ingest(tmp_path / "pictures", Breaking(2, after), store, IngestOptions(10**6), progress)


def test_pictures_that_are_all_alike_are_no_fault_of_the_model(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(5):
        Image.new("RGB", (40 + number, 40), (0, 0, 0)).save(folder / f"{number}.png")
    report = run_ingest(folder, StubEncoder(), MemoryStore("images"), IngestOptions(10**6), progress)
    assert report.indexed == 5


class Odd(StubEncoder):
    """One picture of the batch has no vector; the others do."""

    def encode_images(self, pixels: PixelBatch) -> FloatMatrix:
        vectors = super().encode_images(pixels)
        vectors[[bool((picture == 255).all()) for picture in pixels]] = np.nan
        return vectors


def test_one_picture_without_a_vector_costs_that_picture_only(tmp_path: Path) -> None:
    write_pictures(tmp_path / "pictures", ["red", "green"])
    Image.new("RGB", (40, 40), (255, 255, 255)).save(tmp_path / "pictures" / "odd.png")
    report = run_ingest(tmp_path / "pictures", Odd(), MemoryStore("images"), IngestOptions(10**6), progress)
    assert (report.indexed, [one.path for one in report.skipped]) == (2, ["odd.png"])


def test_rounding_is_not_taken_for_different_vectors_nor_different_ones_for_rounding() -> None:
    row = np.full((1, 4), 0.5, np.float32)
    assert are_one(np.concatenate([row, row + SAME / 2]))
    assert not are_one(np.concatenate([row, [[0.5, 0.5, 0.5, 0.5 + 2 * SAME]]]))
    assert not are_one(row)


def test_the_probe_takes_sound_encoders() -> None:
    assert probe_pictures(StubEncoder()).shape == (2, 16)


def test_nothing_is_embedded_where_nothing_is_new(tmp_path: Path) -> None:
    class Counting(StubEncoder):
        calls = 0

        def encode_images(self, pixels: PixelBatch) -> FloatMatrix:
            Counting.calls += 1
            return super().encode_images(pixels)

        def encode_texts(self, texts: Sequence[str]) -> FloatMatrix:
            raise AssertionError(texts)

    write_pictures(tmp_path / "pictures")
    store = MemoryStore("images")
    run_ingest(tmp_path / "pictures", Counting(), store, IngestOptions(10**6), progress)
    calls = Counting.calls
    run_ingest(tmp_path / "pictures", Counting(), store, IngestOptions(10**6), progress)
    assert Counting.calls == calls
