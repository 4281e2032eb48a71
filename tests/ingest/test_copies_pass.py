"""`copy_of` says after every index run which pictures are copies, and costs nothing where nothing changed."""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from search_app.datatypes import EncoderSpec, FloatMatrix, FloatVector, Known, PixelBatch, Point
from search_app.encoders.stub import StubEncoder
from search_app.index.edge.store import EdgeStore
from search_app.index.memory.store import MemoryStore
from search_app.index.memory.writer import MemoryWriter
from search_app.ingest import pipeline
from search_app.ingest.copies_pass import lacks_groups
from search_app.ingest.copy_groups import list_groups, similar_pairs
from search_app.ingest.pipeline import IngestOptions, run_ingest
from search_app.ingest.report import IngestReport
from tests.ingest.test_copies import scene


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """b.png and its copies c.jpg (another format and size) and e.png (the same bytes), between others."""
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for name, seed in {"a": 1, "b": 2, "d": 3}.items():
        scene(seed).save(pictures / f"{name}.png")
    scene(2).resize((200, 133)).save(pictures / "c.jpg", quality=60)
    shutil.copy(pictures / "b.png", pictures / "e.png")
    return pictures


def ingest(folder: Path, store: MemoryStore | EdgeStore, **changes: object) -> IngestReport:
    options = IngestOptions(**{"max_pixels": 1_000_000, "workers": 1, **changes})
    return run_ingest(folder, StubEncoder(), store, options, lambda *_: None)


def scan(store: MemoryStore | EdgeStore) -> list[Known]:
    reader = store.reader()
    try:
        return list(reader.scan())
    finally:
        reader.close()


def copies(store: MemoryStore | EdgeStore) -> dict[str, int]:
    return {item.picture.path: item.picture.copy_of for item in scan(store)}


GROUPED = {"a.png": 0, "b.png": 2, "c.jpg": 2, "d.png": 0, "e.png": 2}


@pytest.mark.parametrize("kind", ["memory", "edge"])
def test_groups_are_in_the_commit_that_shows_the_pictures(folder: Path, tmp_path: Path, kind: str) -> None:
    store = MemoryStore("test") if kind == "memory" else EdgeStore(tmp_path / "index", "test")
    ingest(folder, store)
    assert copies(store) == GROUPED
    reader = store.reader()
    assert reader.manifest().generation == 1
    reader.close()


def test_an_unchanged_folder_reads_no_vector(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = MemoryStore("test")
    ingest(folder, store)
    asked: list[Sequence[int]] = []
    real = MemoryWriter.vectors

    def vectors(writer: MemoryWriter, ids: Sequence[int]) -> dict[int, FloatVector]:
        asked.append(ids)
        return real(writer, ids)

    monkeypatch.setattr(MemoryWriter, "vectors", vectors)
    ingest(folder, store)
    assert asked == []
    scene(1).save(folder / "f.jpg")
    ingest(folder, store)
    assert asked != [], "the counting works"


def test_groups_follow_what_comes_changes_and_goes(folder: Path) -> None:
    store = MemoryStore("test")
    ingest(folder, store)
    (folder / "b.png").unlink()
    (folder / "e.png").rename(folder / "z.png")
    ingest(folder, store)
    # The bytes at z.png are those of b.png too, whose id they get; e.png is the one that is gone.
    assert copies(store) == {"a.png": 0, "c.jpg": 2, "d.png": 0, "z.png": 2}
    (folder / "z.png").unlink()
    ingest(folder, store)
    assert copies(store) == {"a.png": 0, "c.jpg": 0, "d.png": 0}
    scene(4).save(folder / "c.jpg")
    scene(1).reduce(2).save(folder / "y.png")
    ingest(folder, store)
    assert copies(store) == {"a.png": 1, "c.jpg": 0, "d.png": 0, "y.png": 1}


def test_new_pictures_join_groups_that_were_there(folder: Path) -> None:
    store = MemoryStore("test")
    ingest(folder, store)
    scene(2).reduce(2).save(folder / "0.png")
    scene(3).save(folder / "x.jpg")
    ingest(folder, store)
    assert copies(store) == {**GROUPED, "0.png": 2, "d.png": 4, "x.jpg": 4}


def test_a_group_whose_first_is_gone_is_made_anew(folder: Path) -> None:
    store = MemoryStore("test")
    ingest(folder, store)
    with store.writer(StubEncoder().spec, str(folder)) as writer:
        writer.delete([2])
        writer.commit()
    assert lacks_groups(scan(store))
    (folder / "b.png").unlink()
    ingest(folder, store)
    assert copies(store) == {"a.png": 0, "c.jpg": 3, "d.png": 0, "e.png": 3}


def test_a_rebuild_makes_the_same_groups(folder: Path) -> None:
    store = MemoryStore("test")
    ingest(folder, store)
    ingest(folder, store, rebuild=True)
    assert copies(store) == GROUPED


def test_a_collection_of_an_older_version_gets_its_groups(folder: Path) -> None:
    store = MemoryStore("test")
    ingest(folder, store)
    with store.writer(StubEncoder().spec, str(folder)) as writer:
        old = [replace(item, picture=replace(item.picture, phash="", copy_of=0)) for item in writer.scan()]
        writer.update_pictures(old)
        writer.commit()
    ingest(folder, store)
    assert copies(store) == GROUPED


def test_what_an_interrupted_run_left_is_grouped_by_the_next(folder: Path) -> None:
    store = MemoryStore("test")
    ingest(folder, store)
    whole = scan(store)
    left = MemoryStore("test")
    with left.writer(StubEncoder().spec, str(folder)) as writer, store.writer(StubEncoder().spec, "") as source:
        vectors = source.vectors([item.id for item in whole])
        writer.upsert([Point(item.id, vectors[item.id], replace(item.picture, copy_of=0)) for item in whole])
    report = ingest(folder, left)
    assert report.indexed == 0
    assert copies(left) == GROUPED


class OneByOne(StubEncoder):
    """Takes one picture at a time and is interrupted after some."""

    def __init__(self, pictures: int) -> None:
        super().__init__()
        self._left = pictures

    @property
    def spec(self) -> EncoderSpec:
        return replace(super().spec, batch_size=1)

    def encode_images(self, pixels: PixelBatch) -> FloatMatrix:
        if len(pixels) > 1:  # the test of the model before a run
            return super().encode_images(pixels)
        if not self._left:
            raise KeyboardInterrupt
        self._left -= 1
        return super().encode_images(pixels)


def test_commits_on_the_way_have_their_groups_and_the_next_run_goes_on_from_them(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "FIRST_COMMIT_SECONDS", 0.0)
    monkeypatch.setattr(pipeline, "COMMIT_SHARE", 1e9)
    store = MemoryStore("test")
    options = IngestOptions(1_000_000, workers=1)
    with pytest.raises(KeyboardInterrupt):
        run_ingest(folder, OneByOne(3), store, options, lambda *_: None)
    assert copies(store) == {"a.png": 0, "b.png": 2, "c.jpg": 2}
    run_ingest(folder, OneByOne(9), store, options, lambda *_: None)
    assert copies(store) == GROUPED


def test_groups_say_their_level_and_what_they_take(folder: Path) -> None:
    store = MemoryStore("test")
    ingest(folder, store)
    [group] = list_groups(scan(store))
    assert [(one.known.picture.path, one.level) for one in group.members] == [
        ("b.png", "first"),
        ("c.jpg", "same picture"),
        ("e.png", "same bytes"),
    ]
    small, large = (folder / "c.jpg").stat().st_size, (folder / "b.png").stat().st_size
    assert (group.level, group.reclaimable, group.same_bytes) == ("same picture", small + large, large)
    assert not lacks_groups(scan(store))


def test_similar_pairs_are_each_told_once_best_first_and_never_of_copies(folder: Path) -> None:
    store = MemoryStore("test")
    ingest(folder, store)
    known, reader = scan(store), store.reader()
    pairs = similar_pairs(reader, known, 0.0)
    assert sorted((one.first.picture.path, one.second.picture.path) for one in pairs) == [
        ("a.png", "b.png"),
        ("a.png", "d.png"),
        ("b.png", "d.png"),
    ]
    assert [one.cosine for one in pairs] == sorted((one.cosine for one in pairs), reverse=True)
    assert similar_pairs(reader, known, pairs[1].cosine) == pairs[:2]
