"""Pictures that are added and removed over HTTP, on every back end, against what an index run makes of the folder."""

import io
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from search_app.datatypes import Manifest
from search_app.encoders.stub import StubEncoder
from search_app.index.base import IndexStore
from search_app.index.memory.reader import MemoryReader
from search_app.index.memory.store import MemoryStore
from search_app.ingest.adding.adder import Adder
from search_app.ingest.adding.values import NewPicture
from tests.adding.world import MAX_PIXELS, adding_app, files, form, freshly_indexed, held_by, index, png, samples, saved
from tests.index.conftest import MakeStore


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two pictures that are indexed."""
    place = tmp_path / "pictures"
    place.mkdir()
    for name, content in zip(("a.jpg", "b.jpg"), samples(2), strict=True):
        (place / name).write_bytes(content)
    return place


def reencoded(content: bytes) -> bytes:
    return saved(Image.open(io.BytesIO(content)), "JPEG", quality=60)


def test_what_is_added_is_what_an_index_run_would_make(folder: Path, make_store: MakeStore) -> None:
    store = make_store()
    index(folder, store)
    first, *others = samples(4)
    with TestClient(adding_app(store)) as client:
        answer = client.post("/images", **form(("c/new.jpg", others[1]), ("d/copy.jpg", reencoded(first))))
        assert answer.status_code == 201, answer.text
        assert [(one["id"], one["path"], one["created"]) for one in answer.json()["images"]] == [
            (3, "c/new.jpg", True),
            (4, "d/copy.jpg", True),
        ]
        more = client.post(
            "/images", files={"image": ("e.jpg", others[2])}, data={"meta": '{"brand": "Acme", "price": 3}'}
        )
        assert more.headers["location"] == "/images/5"
        # Searchable at once, and served as it was sent.
        found = {one["id"] for one in client.get("/search", params={"query": "red", "limit": 10}).json()}
        assert found == {1, 2, 3, 4, 5}
        assert client.get("/images/5").content == others[2]
        filtered = client.post("/search", json={"query": "red", "filter": {"meta.brand": "Acme"}}).json()
        assert [hit["id"] for hit in filtered["hits"]] == [5]
    stored = held_by(store)
    # The copy is grouped with the picture it is a copy of.
    assert stored[1].picture.copy_of == stored[4].picture.copy_of == 1
    # An index run finds nothing to do, and one over a fresh collection makes the same: ids, payloads, vectors, groups.
    report = index(folder, store)
    assert (report.indexed, report.renamed, report.removed, report.unchanged) == (0, 0, 0, 5)
    assert held_by(store) == stored
    fresh = freshly_indexed(folder)
    assert stored[5].picture.meta == {"brand": "Acme", "price": 3}
    del stored[5], fresh[5]  # only the sender said something about it
    assert stored == fresh


def test_sent_again_it_changes_nothing(folder: Path) -> None:
    store = MemoryStore("images")
    index(folder, store)
    with TestClient(adding_app(store)) as client:
        first = client.post("/images", **form(("c.png", png("red"))))
        again = client.post("/images", **form(("c.png", png("red")), ("a.jpg", samples(1)[0])))
        assert (first.status_code, again.status_code) == (201, 200)
        assert [(one["id"], one["created"]) for one in again.json()["images"]] == [(3, False), (1, False)]
        other = client.post("/images", **form(("new.png", png("blue")), ("c.png", png("blue"))))
        assert other.status_code == 409
        assert "'c.png' is another picture" in other.json()["detail"]
        assert files(folder) == ["a.jpg", "b.jpg", "c.png"]  # all or none
        # The same bytes under another name are a picture of their own, as in an index run.
        assert client.post("/images", **form(("d.png", png("red")))).json()["images"][0]["id"] == 4
    assert (held_by(store)[3].picture.copy_of, held_by(store)[4].picture.copy_of) == (3, 3)


def test_what_is_removed_stays_away_and_its_id_too(folder: Path, make_store: MakeStore) -> None:
    store = make_store()
    (folder / "copy of a.jpg").write_bytes((folder / "a.jpg").read_bytes())
    index(folder, store)
    assert held_by(store)[3].picture.copy_of == 1
    with TestClient(adding_app(store)) as client:
        assert client.delete("/images/1").status_code == 204
        assert held_by(store)[3].picture.copy_of == 0  # it is alone now
        assert client.get("/images/1").status_code == 404
        assert client.delete("/images/1").status_code == 404
        assert files(folder) == ["b.jpg", "copy of a.jpg"]
        found = client.get("/search", params={"query": "red", "limit": 10}).json()
        assert {one["id"] for one in found} == {2, 3}
        assert client.delete("/images/3").status_code == 204
        assert client.post("/images", **form(("a.jpg", png("red")))).json()["images"][0]["id"] == 4
    assert index(folder, store).unchanged == 2
    assert sorted(held_by(store)) == [2, 4]


def test_a_file_that_waits_for_an_index_run_is_taken_as_it_is(folder: Path) -> None:
    """What a service that was killed between file and commit leaves: the same request brings it in."""
    store = MemoryStore("images")
    index(folder, store)
    (folder / "c.png").write_bytes(png("red"))
    with TestClient(adding_app(store)) as client:
        answer = client.post("/images", **form(("c.png", png("red"))))
        assert (answer.status_code, answer.json()["images"][0]["id"]) == (201, 3)
    assert index(folder, store).unchanged == 3


def test_a_file_that_vanished_is_written_again_under_its_id(folder: Path) -> None:
    store = MemoryStore("images")
    index(folder, store)
    content = (folder / "b.jpg").read_bytes()
    (folder / "b.jpg").unlink()
    with TestClient(adding_app(store)) as client:
        assert client.post("/images", **form(("b.jpg", png("red")))).status_code == 409
        answer = client.post("/images", **form(("b.jpg", content)))
        assert (answer.status_code, answer.json()["images"][0]["id"]) == (200, 2)
    report = index(folder, store)
    assert (report.unchanged, report.indexed) == (2, 0)


def test_an_index_run_takes_nothing_for_gone_that_came_while_it_began(folder: Path) -> None:
    """It used to list the folder before it held the collection."""
    store = MemoryStore("images")
    index(folder, store)

    class Meanwhile:
        """A store that is opened for writing just after somebody added a picture."""

        def writer(self, *arguments: object, **options: object) -> object:
            with TestClient(adding_app(store)) as client:
                assert client.post("/images", **form(("c.png", png("red")))).status_code == 201
            return store.writer(*arguments, **options)  # type: ignore[arg-type]

    late: IndexStore = Meanwhile()  # type: ignore[assignment]
    report = index(folder, late)
    assert (report.removed, report.unchanged) == (0, 3)
    assert sorted(held_by(store)) == [1, 2, 3]


def test_pictures_go_into_the_folder_that_is_indexed_now(folder: Path, tmp_path: Path) -> None:
    """Another folder was indexed a moment ago, and the reader has not followed yet."""
    store = MemoryStore("images")
    index(folder, store)
    other = tmp_path / "other"
    other.mkdir()
    (other / "z.png").write_bytes(png("blue"))
    late = [store.reader().manifest()]
    index(other, store)

    class LateReader(MemoryReader):
        def manifest(self) -> Manifest:
            return late.pop() if late else super().manifest()

    adder = Adder(store, LateReader(store), StubEncoder, max_pixels=MAX_PIXELS)
    [added] = adder.add([NewPicture("c.png", png("red"))])
    assert (added.id, late) == (4, [])
    assert files(other) == ["c.png", "z.png"]
    assert files(folder) == ["a.jpg", "b.jpg"]
    assert store.reader().manifest().folder == str(other)
    assert index(other, store).unchanged == 2
