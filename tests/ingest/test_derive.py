"""A derived collection holds the same pictures under the same ids, and no picture is opened for it."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from search_app.datatypes import (
    FloatVector,
    Neighbours,
    Picture,
    PrintedWords,
    VectorQuery,
    Word,
    WordsPoint,
    WordsSpec,
)
from search_app.encoders.adapted import AdaptedEncoder
from search_app.encoders.stub import DIM, StubEncoder
from search_app.errors import IngestError, ModelMismatch, NoIndexYet
from search_app.index.base import IndexStore
from search_app.index.edge.store import EdgeStore
from search_app.index.memory.store import MemoryStore
from search_app.ingest import derive
from search_app.ingest.derive import run_derive
from search_app.ingest.pipeline import IngestOptions, run_ingest
from search_app.words.bm25 import sparse_document, sparse_query
from tests.conftest import ROOT, clean_environment
from tests.ingest.derive_victim import adapted

COLOURS = ("red", "green", "blue", "white", "black", "yellow", "purple")
OPTIONS = IngestOptions(max_pixels=1_000_000, workers=1)
READ_BY = WordsSpec("reader 1", DIM)


def ignore(*_: int) -> None:
    """Progress nobody looks at."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for name in COLOURS:
        Image.new("RGB", (20, 20), name).save(pictures / f"{name}.png")
    return pictures


@pytest.fixture(params=["memory", "edge"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], IndexStore]:
    return MemoryStore if request.param == "memory" else lambda name: EdgeStore(tmp_path / "storage", name)


@pytest.fixture
def source(make: Callable[[str], IndexStore], folder: Path) -> IndexStore:
    store = make("base")
    run_ingest(folder, StubEncoder(), store, OPTIONS, ignore)
    return store


@pytest.fixture
def target(make: Callable[[str], IndexStore]) -> IndexStore:
    return make("derived")


def everything(store: IndexStore) -> Iterator[tuple[int, Picture, list[float]]]:
    reader = store.reader()
    try:
        for item in list(reader.scan()):
            yield item.id, item.picture, reader.vectors([item.id])[item.id].tolist()
    finally:
        reader.close()


def run(source: IndexStore, target: IndexStore, encoder: AdaptedEncoder | None = None, **options: object):
    reader = source.reader()
    try:
        return run_derive(reader, encoder or adapted(), target, options.pop("progress", ignore), **options)
    finally:
        reader.close()


def test_pictures_ids_and_vectors_are_the_same_without_the_pictures(source, target, folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()
    report = run(source, target)
    assert list(everything(target)) == list(everything(source))
    assert (report.indexed, report.total, report.model) == (len(COLOURS), len(COLOURS), "stub+mine")
    reader = target.reader()
    manifest = reader.manifest()
    assert (manifest.fingerprint, manifest.folder) == (adapted().spec.fingerprint, str(folder))
    reader.close()


def test_a_second_run_stores_nothing_and_changes_are_followed(source, target, folder: Path) -> None:
    run(source, target)
    assert run(source, target).indexed == 0
    (folder / "red.png").rename(folder / "rot.png")
    (folder / "blue.png").unlink()
    Image.new("RGB", (20, 20), "orange").save(folder / "green.png")
    Image.new("RGB", (20, 20), "pink").save(folder / "pink.png")
    run_ingest(folder, StubEncoder(), source, OPTIONS, ignore)
    report = run(source, target)
    assert (report.indexed, report.renamed, report.removed, report.unchanged) == (2, 1, 1, 4)
    assert list(everything(target)) == list(everything(source))


def test_a_run_stopped_in_the_middle_shows_nothing_and_goes_on_where_it_was(source, target, monkeypatch) -> None:
    monkeypatch.setattr(derive, "AT_ONCE", 2)

    def stop(done: int, *_: int) -> None:
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(source, target, progress=stop)
    reader = target.reader()
    with pytest.raises(NoIndexYet):
        reader.manifest()
    told = []
    assert run(source, target, progress=lambda *done: told.append(done)).indexed == len(COLOURS) - 4
    assert told == [(0, 3, 0), (2, 3, 0), (3, 3, 0)]
    assert list(everything(target)) == list(everything(source))
    reader.close()


def test_a_run_killed_in_the_middle_goes_on_where_it_was(tmp_path: Path, folder: Path) -> None:
    source, target = (EdgeStore(tmp_path / "storage", name) for name in ("base", "derived"))
    run_ingest(folder, StubEncoder(), source, OPTIONS, ignore)
    command = [sys.executable, "-m", "tests.ingest.derive_victim", str(tmp_path / "storage")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=clean_environment()) as victim:
        assert [victim.stdout.readline() for _ in range(3)] == ["0\n", "2\n", "4\n"]
        victim.kill()
    assert run(source, target).indexed == len(COLOURS) - 4
    assert list(everything(target)) == list(everything(source))


def test_a_head_trained_again_replaces_the_collection_of_the_one_before(source, target) -> None:
    run(source, target)
    with pytest.raises(ModelMismatch):
        run(source, target, adapted(0.5))
    run(source, target, adapted(0.5), rebuild=True)
    assert list(everything(target)) == list(everything(source))
    reader = target.reader()
    assert reader.manifest().fingerprint == adapted(0.5).spec.fingerprint
    reader.close()


def test_a_collection_of_another_base_is_refused(source, target) -> None:
    with target.writer(adapted().spec, "/elsewhere") as writer:
        writer.commit()
    with pytest.raises(ModelMismatch, match=r"'derived' was made by stub\+mine .* is made from stub \(stub-1\)"):
        run(target, source)


def test_a_source_that_changes_meanwhile_is_told_and_nothing_is_shown(source, target, folder: Path) -> None:
    def meddle(done: int, *_: int) -> None:
        if done == len(COLOURS):
            (folder / "red.png").unlink()
            run_ingest(folder, StubEncoder(), source, OPTIONS, ignore)

    with pytest.raises(IngestError, match="changed while it was read"):
        # The embedded engine's readers follow a commit within a second.
        run(source, target, progress=lambda *done: (meddle(*done), time.sleep(2 * (done[0] == len(COLOURS)))))
    reader = target.reader()
    with pytest.raises(NoIndexYet):
        reader.manifest()
    reader.close()
    run(source, target)
    assert list(everything(target)) == list(everything(source))


def test_words_come_along_and_follow_changes(source, target) -> None:
    write_words(source, {1: "half price", 2: "fresh coffee", 3: ""})
    run(source, target)
    assert words_of(target) == words_of(source) == {1: "half price", 2: "fresh coffee", 3: ""}
    for question in (
        VectorQuery(sparse_query("coffee"), 5, channel="form"),
        VectorQuery(meaning("fresh coffee"), 5, channel="meaning"),
    ):
        [found], [wanted] = answers(target, question), answers(source, question)
        assert found.ids.tolist() == wanted.ids.tolist()
        np.testing.assert_allclose(found.scores, wanted.scores, atol=1e-6)
    write_words(source, {2: "cold coffee", 4: "new"})
    assert run(source, target).indexed == 0
    assert words_of(target) == words_of(source) == {1: "half price", 2: "cold coffee", 3: "", 4: "new"}


def meaning(text: str) -> FloatVector:
    return StubEncoder().encode_texts([f"red {len(text) * 'blue '}"])[0]


def write_words(store: IndexStore, texts: dict[int, str]) -> None:
    with store.writer(StubEncoder().spec, "/pictures") as writer:
        writer.open_words(READ_BY)
        for number, text in texts.items():
            words = PrintedWords(tuple(Word(part, None, 1.0) for part in text.split()), "ocr")
            vector = meaning(text) if text else None
            writer.update_words([WordsPoint(number, words, vector, sparse_document(words.text))])
        writer.commit()


def words_of(store: IndexStore) -> dict[int, str]:
    reader = store.reader()
    try:
        return {number: " ".join(found.text.split()) for number, found in reader.words(range(1, 8)).items()}
    finally:
        reader.close()


def answers(store: IndexStore, question: VectorQuery) -> list[Neighbours]:
    reader = store.reader()
    try:
        return reader.search([question])
    finally:
        reader.close()
