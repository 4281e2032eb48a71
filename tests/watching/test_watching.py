"""A watched folder is followed, event by event: what is in it is what an index run would find."""

import os
import random
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from search_app.encoders.stub import StubEncoder
from search_app.errors import IngestError
from search_app.images.fingerprints import content_hash
from search_app.index.edge.store import EdgeStore
from search_app.ingest.copies_pass import refresh_copies
from search_app.ingest.watching import events, watcher
from search_app.ingest.watching.events import Touched
from search_app.ingest.watching.follower import FolderGone
from tests.adding.kills import _without_ids
from tests.adding.world import adding_app, form, freshly_indexed, noise
from tests.chaos.world import words_parts
from tests.watching.conftest import World, made, wait_for


def test_a_picture_that_is_dropped_in_is_searchable_and_costs_no_whole_generation(tmp_path: Path) -> None:
    world = made(tmp_path, EdgeStore(tmp_path / "storage", "images"))
    with TestClient(adding_app(world.store)) as client, world.watching():
        world.put("new/5.png", 5)
        wait_for(lambda: client.get("/info").json()["count"] == 5)
        answer = client.post("/images", **form(("sent.png", noise(6))))
        assert answer.status_code == 201, answer.text
        world.put("7.png", 7)
        wait_for(lambda: client.get("/info").json()["count"] == 7)
        assert client.get("/images/7").content == noise(7)
    assert world.ids() == {f"{n}.png": n for n in range(1, 5)} | {"new/5.png": 5, "sent.png": 6, "7.png": 7}
    assert world.index().unchanged == 7
    shards = [path.parent.name for path in (tmp_path / "storage" / "images").glob("gen-*/shard")]
    assert shards == ["gen-000001"]


def test_a_burst_is_stored_together(world: World) -> None:
    with world.watching() as told:
        for number in range(100, 300):
            world.put(f"{number}.png", number)
        wait_for(lambda: len(world.ids()) == 204)
    assert len(told.batches) < 40
    # ids are given in the order of the paths, batch by batch
    for batch in told.batches:
        numbers = [world.ids()[path] for path in batch.indexed]
        assert numbers == sorted(numbers)


def test_renamed_pictures_and_folders_keep_their_ids(world: World, tmp_path: Path) -> None:
    with world.watching():
        (world.folder / "1.png").rename(world.folder / "one.png")
        wait_for(lambda: world.ids() == {"one.png": 1, "2.png": 2, "3.png": 3, "4.png": 4})
        (world.folder / "sub").mkdir()
        for name in ("2.png", "3.png"):
            (world.folder / name).rename(world.folder / "sub" / name)
        wait_for(lambda: world.ids() == {"one.png": 1, "sub/2.png": 2, "sub/3.png": 3, "4.png": 4})
        (world.folder / "sub").rename(world.folder / "other")
        wait_for(lambda: world.ids() == {"one.png": 1, "other/2.png": 2, "other/3.png": 3, "4.png": 4})


def test_names_that_are_exchanged_are_two_renames(world: World) -> None:
    with world.watching():
        (world.folder / "1.png").rename(world.folder / ".aside")
        (world.folder / "2.png").rename(world.folder / "1.png")
        (world.folder / ".aside").rename(world.folder / "2.png")
        wait_for(lambda: world.ids() == {"2.png": 1, "1.png": 2, "3.png": 3, "4.png": 4})


def test_a_folder_that_is_moved_out_and_in_again(world: World, tmp_path: Path) -> None:
    (tmp_path / "aside").mkdir()
    for number in (21, 22):
        (tmp_path / "aside" / f"{number}.png").write_bytes(noise(number))
    with world.watching():
        (tmp_path / "aside").rename(world.folder / "in")
        wait_for(lambda: {"in/21.png", "in/22.png"} <= world.ids().keys())
        (world.folder / "in").rename(tmp_path / "aside")
        wait_for(lambda: world.ids().keys() == {f"{n}.png" for n in range(1, 5)})


def test_a_picture_that_changes_in_place_keeps_its_id(world: World) -> None:
    with world.watching():
        world.put("2.png", 22)
        wait_for(lambda: world.held()[2].picture.content_hash == content_hash(noise(22)))
        # as editors save: beside it, then over it
        (world.folder / "3.png.tmp").write_bytes(noise(33))
        (world.folder / "3.png.tmp").replace(world.folder / "3.png")
        wait_for(lambda: world.held()[3].picture.content_hash == content_hash(noise(33)))
        (world.folder / "1.png").unlink()
        wait_for(lambda: 1 not in world.held())
    assert world.index().unchanged == 3


def test_a_file_is_taken_when_it_is_whole(world: World) -> None:
    content = noise(9)
    file = world.folder / "slow.png"
    with world.watching() as told:
        with file.open("wb", buffering=0) as writing:
            writing.write(content[: len(content) // 2])
            world.put("5.png", 5)  # what is whole does not wait for it
            wait_for(lambda: "5.png" in world.ids())
            assert "slow.png" not in world.ids()
            writing.write(content[len(content) // 2 :])
        wait_for(lambda: "slow.png" in world.ids())
        assert not [one for batch in told.batches for one in batch.skipped]
        old = world.put("never.png", 10)
        old.write_bytes(b"no picture at all")
        os.utime(old, (1, 1))
        wait_for(lambda: any(one.path == "never.png" for batch in told.batches for one in batch.skipped))
    assert world.held()[world.ids()["slow.png"]].picture.content_hash == content_hash(content)


def test_what_events_may_have_missed_is_looked_for(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "OVERFLOW", 3)
    with world.watching() as told:
        scans = len(told.scans)
        for number in range(10, 20):
            world.put(f"{number}.png", number)
        wait_for(lambda: len(world.ids()) == 14)
        wait_for(lambda: len(told.scans) > scans)


def test_links_are_followed_as_an_index_run_does(world: World) -> None:
    (world.folder / ".hidden").mkdir()
    (world.folder / ".hidden" / "real.png").write_bytes(noise(50))
    with world.watching():
        (world.folder / "link.png").symlink_to(world.folder / ".hidden" / "real.png")
        wait_for(lambda: "link.png" in world.ids())


def test_an_overflow_may_be_the_first_that_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A poll tells that the folder itself was touched before it tells that there is nothing."""

    def first_an_overflow(_folder: Path, stop: threading.Event, **_: bool) -> Iterator[Touched]:
        yield Touched(frozenset(), is_overflow=True)
        while not stop.wait(0.02):
            yield Touched(frozenset())

    monkeypatch.setattr(watcher, "follow_events", first_an_overflow)
    world.put("5.png", 5)
    with world.watching():
        wait_for(lambda: "5.png" in world.ids())


def test_a_folder_that_vanishes_is_told_and_nothing_is_removed(world: World, tmp_path: Path) -> None:
    with world.watching() as told:
        world.folder.rename(tmp_path / "unmounted")
        wait_for(lambda: any(isinstance(one, FolderGone) for one in told.troubles))
        assert len(world.ids()) == 4
        world.folder.mkdir()  # where it was mounted
        wait_for(lambda: any("holds no picture" in str(one) for one in told.troubles))
        assert len(world.ids()) == 4
        world.folder.rmdir()
        (tmp_path / "unmounted").rename(world.folder)
        world.put("5.png", 5)
        wait_for(lambda: len(world.ids()) == 5)


def test_a_folder_that_is_emptied_keeps_its_pictures_in_the_index(world: World) -> None:
    with world.watching() as told:
        for number in range(1, 5):
            (world.folder / f"{number}.png").unlink()
        wait_for(lambda: any(isinstance(one, IngestError) for one in told.troubles))
        assert len(world.ids()) == 4


def test_another_writer_is_waited_for(world: World) -> None:
    with world.watching() as told:
        with world.store.writer(StubEncoder().spec, str(world.folder)):
            world.put("5.png", 5)
            wait_for(lambda: bool(told.troubles))
        wait_for(lambda: "5.png" in world.ids())


def test_words_are_read_in_quiet_moments_and_from_files_beside(world: World, tmp_path: Path) -> None:
    parts = words_parts(tmp_path)
    try:
        with world.watching(words=parts):
            world.put("5.png", 5)
            wait_for(lambda: len(texts(world)) == 5)
            (world.folder / "5.txt").write_text("what a file says")
            wait_for(lambda: texts(world)[5] == "what a file says")
            (world.folder / "5.txt").unlink()
            wait_for(lambda: texts(world)[5] != "what a file says")
    finally:
        parts.close()


def texts(world: World) -> dict[int, str]:
    reader = world.store.reader()
    try:
        return {number: words.text for number, words in reader.words([*world.held()]).items()}
    finally:
        reader.close()


def test_a_metadata_file_is_followed_too(world: World, tmp_path: Path) -> None:
    said = tmp_path / "said.csv"
    said.write_text("path,brand\n1.png,Acme\n")
    with world.watching(metadata=said):
        wait_for(lambda: world.held()[1].picture.meta == {"brand": "Acme"})
        said.write_text("path,brand\n1.png,Acme\n2.png,Other one\n5.png,New\n")
        wait_for(lambda: world.held()[2].picture.meta == {"brand": "Other one"})
        world.put("5.png", 5)
        wait_for(lambda: "5.png" in world.ids() and world.held()[5].picture.meta == {"brand": "New"})


def test_copies_are_grouped_anew_when_the_first_of_them_goes(world: World) -> None:
    def groups() -> dict[str, int]:
        return {one.picture.path: one.picture.copy_of for one in world.held().values() if one.picture.copy_of}

    with world.watching():
        for name in ("a.png", "b.png", "c.png"):
            world.put(name, 50)
        wait_for(lambda: groups() == {"a.png": 5, "b.png": 5, "c.png": 5})
        (world.folder / "a.png").unlink()
        wait_for(lambda: groups() == {"b.png": 6, "c.png": 6})
        world.put("c.png", 60)
        wait_for(lambda: groups() == {})


@pytest.mark.parametrize("seed", [1, 2])
def test_any_history_leaves_what_a_fresh_build_does(tmp_path: Path, seed: int) -> None:
    world = made(tmp_path, EdgeStore(tmp_path / "storage", "images"))
    chance = random.Random(seed)
    with world.watching():
        for step in range(60):
            files = sorted(path for path in world.folder.rglob("*.png"))
            doing = chance.choice(["put", "put", "change", "rename", "delete", "copy", "folder"])
            if doing == "put" or len(files) < 3:
                world.put(f"{chance.choice(['', 'a/', 'b/c/'])}{step}.png", 1000 + step)
            elif doing == "change":
                chance.choice(files).write_bytes(noise(2000 + step))
            elif doing == "rename":
                chance.choice(files).rename(world.folder / f"moved-{step}.png")
            elif doing == "copy":
                shutil.copy(chance.choice(files), world.folder / f"copy-{step}.png")
            elif doing == "delete":
                chance.choice(files).unlink()
            elif (world.folder / "a").is_dir():
                (world.folder / "a").rename(world.folder / f"was-a-{step}")
        wanted = _without_ids(freshly_indexed(world.folder))
        wait_for(lambda: _without_ids(world.held()) == wanted)
    with world.store.writer(StubEncoder().spec, str(world.folder)) as writer:
        assert refresh_copies(writer) == 0, "groups of copies are not those that a whole look makes"
    report = world.index()
    assert (report.indexed, report.renamed, report.removed) == (0, 0, 0)
