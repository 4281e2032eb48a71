"""An index run makes the collection mirror the folder, whatever happened to either before."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from search_app.datatypes import EncoderSpec, FloatMatrix, Known, PixelBatch, VectorQuery
from search_app.encoders.stub import StubEncoder
from search_app.errors import EncoderError, IngestError, ModelMismatch
from search_app.index.edge.store import EdgeStore
from search_app.index.memory.store import MemoryStore
from search_app.ingest.pipeline import IngestOptions, run_ingest
from search_app.ingest.report import IngestReport

OPTIONS = IngestOptions(max_pixels=1_000_000, workers=2)
COLOURS = {"red": (220, 30, 30), "green": (30, 160, 60), "blue": (30, 70, 220), "white": (255, 255, 255)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    pictures = tmp_path / "pictures"
    (pictures / "sub").mkdir(parents=True)
    for name, path in {"red": "b.png", "green": "a.png", "blue": "sub/c.jpg"}.items():
        Image.new("RGB", (40, 30), COLOURS[name]).save(pictures / path)
    return pictures


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore("test")


def ingest(folder: Path, store: MemoryStore, **changes: object) -> IngestReport:
    return run_ingest(
        folder, StubEncoder(), store, IngestOptions(**{"max_pixels": 1_000_000, "workers": 2, **changes}), ignore
    )


def ignore(*_: int) -> None:
    """Progress nobody looks at."""


def known(store: MemoryStore) -> dict[str, int]:
    return {item.picture.path: item.id for item in store.reader().scan()}


def best(store: MemoryStore, text: str) -> str:
    reader = store.reader()
    [found] = reader.search([VectorQuery(StubEncoder().encode_texts([text])[0], limit=1)])
    number = int(found.ids[0])
    return reader.fetch([number])[number].picture.path


def test_a_first_run_gives_ids_in_path_order_and_makes_every_picture_findable(folder: Path, store: MemoryStore) -> None:
    report = ingest(folder, store)
    assert known(store) == {"a.png": 1, "b.png": 2, "sub/c.jpg": 3}
    assert [best(store, name) for name in ("green", "red", "blue")] == ["a.png", "b.png", "sub/c.jpg"]
    assert (report.indexed, report.unchanged, report.removed, report.total, report.skipped) == (3, 0, 0, 3, ())


def test_a_second_run_embeds_nothing_and_makes_no_generation(folder: Path, store: MemoryStore) -> None:
    ingest(folder, store)
    before = store.reader().manifest()
    report = ingest(folder, store)
    assert (report.indexed, report.unchanged) == (0, 3)
    assert store.reader().manifest() == before


def test_changes_renames_and_removals_are_followed(folder: Path, store: MemoryStore) -> None:
    ingest(folder, store)
    (folder / "sub" / "c.jpg").rename(folder / "moved.jpg")
    (folder / "a.png").unlink()
    Image.new("RGB", (50, 50), COLOURS["white"]).save(folder / "b.png")
    Image.new("RGB", (10, 10), COLOURS["green"]).save(folder / "new.png")
    report = ingest(folder, store)
    assert known(store) == {"b.png": 2, "moved.jpg": 3, "new.png": 4}
    assert best(store, "white") == "b.png"
    assert (report.indexed, report.renamed, report.removed, report.total) == (2, 1, 1, 3)


def test_bad_files_cost_themselves_only_and_take_no_id(folder: Path, store: MemoryStore) -> None:
    (folder / "a0.jpg").write_bytes(b"this is text")
    (folder / "a1.png").write_bytes((folder / "b.png").read_bytes()[:60])
    (folder / "a2.jpg").touch()
    Image.new("RGB", (1200, 1000)).save(folder / "a3.png")
    os.mkfifo(folder / "a4.jpg")
    report = ingest(folder, store)
    assert known(store) == {"a.png": 1, "b.png": 2, "sub/c.jpg": 3}
    assert [item.path for item in report.skipped] == ["a0.jpg", "a1.png", "a2.jpg", "a3.png", "a4.jpg"]
    assert all(item.reason for item in report.skipped)
    assert "SEARCH_MAX_PIXELS" in report.skipped[3].reason


def test_a_known_picture_whose_file_breaks_is_removed_and_reported(folder: Path, store: MemoryStore) -> None:
    ingest(folder, store)
    (folder / "b.png").write_bytes(b"no picture any more")
    report = ingest(folder, store)
    assert known(store) == {"a.png": 1, "sub/c.jpg": 3}
    assert (report.removed, [item.path for item in report.skipped]) == (1, ["b.png"])


def test_an_empty_folder_does_not_empty_the_index(folder: Path, store: MemoryStore, tmp_path: Path) -> None:
    ingest(folder, store)
    (tmp_path / "empty").mkdir()
    with pytest.raises(IngestError, match="is it the right folder"):
        ingest(tmp_path / "empty", store)
    assert len(known(store)) == 3


def test_a_folder_that_moved_as_a_whole_costs_nothing(folder: Path, store: MemoryStore, tmp_path: Path) -> None:
    ingest(folder, store)
    folder.rename(tmp_path / "elsewhere")
    report = ingest(tmp_path / "elsewhere", store)
    assert (report.indexed, report.unchanged) == (0, 3)
    assert store.reader().manifest().folder == str(tmp_path / "elsewhere")


def test_another_folder_takes_over_with_ids_that_were_never_given(
    folder: Path, store: MemoryStore, tmp_path: Path
) -> None:
    ingest(folder, store)
    other = tmp_path / "other"
    other.mkdir()
    Image.new("RGB", (9, 9), COLOURS["white"]).save(other / "w.png")
    report = ingest(other, store)
    assert known(store) == {"w.png": 4}
    assert report.removed == 3


def test_rebuild_embeds_everything_again_and_keeps_the_ids(folder: Path, store: MemoryStore) -> None:
    ingest(folder, store)
    (folder / "a.png").rename(folder / "z.png")
    Image.new("RGB", (10, 10), COLOURS["white"]).save(folder / "new.png")
    report = ingest(folder, store, rebuild=True)
    assert report.indexed == 4
    assert known(store) == {"b.png": 2, "new.png": 4, "sub/c.jpg": 3, "z.png": 1}


def test_rebuild_mends_an_index_that_nothing_else_can(folder: Path, tmp_path: Path) -> None:
    store = EdgeStore(tmp_path / "index", "test")
    run_ingest(folder, StubEncoder(), store, OPTIONS, ignore)
    [generation] = (tmp_path / "index" / "test").glob("gen-*")
    (generation / "vectors.npy").unlink()
    for state in generation.glob("shard/segments/*/segment.json"):
        state.write_text("x")
    report = run_ingest(folder, StubEncoder(), store, IngestOptions(1_000_000, rebuild=True), ignore)
    assert (report.indexed, report.total) == (3, 3)
    reader = store.reader()
    try:
        # The old ids are lost, and none of them is given again.
        assert [item.id for item in reader.scan()] == [4, 5, 6]
    finally:
        reader.close()


def test_another_model_is_refused_unless_it_rebuilds(folder: Path, store: MemoryStore) -> None:
    ingest(folder, store)
    with pytest.raises(ModelMismatch, match="--rebuild"):
        run_ingest(folder, Choosy(), store, OPTIONS, ignore)
    run_ingest(folder, Choosy(), store, IngestOptions(1_000_000, rebuild=True), ignore)
    assert store.reader().manifest().model == "choosy"
    assert known(store) == {"a.png": 1, "b.png": 2, "sub/c.jpg": 3}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_pictures_of_a_folder_that_cannot_be_read_this_time_are_kept(folder: Path, store: MemoryStore) -> None:
    ingest(folder, store)
    (folder / "sub").chmod(0)
    try:
        report = ingest(folder, store)
    finally:
        (folder / "sub").chmod(0o700)
    assert known(store) == {"a.png": 1, "b.png": 2, "sub/c.jpg": 3}
    assert [item.path for item in report.skipped] == ["sub"]


class Choosy(StubEncoder):
    """Fails on a batch that holds a picture that is white all over, as a model may on what it was never trained on."""

    @property
    def spec(self) -> EncoderSpec:
        return EncoderSpec("choosy", super().spec.dim, "choosy-1", super().spec.image_size, batch_size=4)

    def encode_images(self, pixels: PixelBatch) -> FloatMatrix:
        if (pixels == 255).all(axis=(1, 2, 3)).any():
            raise EncoderError("not finite")
        return super().encode_images(pixels)


def test_a_picture_the_model_fails_on_does_not_cost_its_batch(folder: Path, store: MemoryStore) -> None:
    Image.new("RGB", (40, 30), COLOURS["white"]).save(folder / "aa.png")
    report = run_ingest(folder, Choosy(), store, OPTIONS, ignore)
    assert known(store) == {"a.png": 1, "b.png": 2, "sub/c.jpg": 3}
    assert [item.path for item in report.skipped] == ["aa.png"]


class Broken(Choosy):
    """A model that fails on everything."""

    def encode_images(self, pixels: PixelBatch) -> FloatMatrix:
        raise EncoderError("weights are damaged")


def test_a_model_that_fails_on_everything_ends_the_run(folder: Path, store: MemoryStore) -> None:
    with pytest.raises(EncoderError, match="weights are damaged"):
        run_ingest(folder, Broken(), store, OPTIONS, ignore)


def test_progress_reaches_the_end_and_never_goes_back(folder: Path, store: MemoryStore) -> None:
    told: list[tuple[int, ...]] = []
    run_ingest(folder, Choosy(), store, OPTIONS, lambda *state: told.append(state))
    assert told[0] == (0, 3, 0)
    assert told[-1] == (3, 3, 0)
    assert told == sorted(told)


def test_the_json_report_has_the_promised_form(folder: Path, store: MemoryStore) -> None:
    report = ingest(folder, store).to_json()
    assert {
        "folder", "collection", "model", "device", "indexed", "unchanged", "renamed", "removed", "skipped",
        "seconds", "images_per_second",
    } <= report.keys()  # fmt: skip


def test_what_is_stored_is_what_was_in_the_file(folder: Path, store: MemoryStore) -> None:
    ingest(folder, store)
    reader = store.reader()
    items: Iterator[Known] = reader.scan()
    assert [(item.picture.width, item.picture.height, item.picture.format) for item in items] == [
        (40, 30, "PNG"),
        (40, 30, "PNG"),
        (40, 30, "JPEG"),
    ]
    assert np.allclose([np.linalg.norm(vector) for vector in reader.vectors([1, 2, 3]).values()], 1)
