"""What is refused, in words that name the picture and say what to do; nothing is left behind by it."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from search_app.encoders.stub import StubEncoder
from search_app.errors import BadRequest
from search_app.index.memory.store import MemoryStore
from search_app.ingest.adding.names import check_name
from search_app.ingest.metadata import MAX_FIELDS
from tests.adding.world import adding_app, files, form, index, png, refusal

SPEC = StubEncoder().spec


def made_in(home: Path) -> Path:
    place = home / "pictures"
    (place / "sub").mkdir(parents=True)
    (place / "sub" / "a.png").write_bytes(png("red"))
    (place / "notes.txt").write_text("mine")
    (home / "outside").mkdir()
    (place / "link").symlink_to(place / "sub")
    (place / "way out").symlink_to(home / "outside")
    (place / "dangling.png").symlink_to(home / "nothing.png")
    return place


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[TestClient, Path]]:
    """A service whose folder no test of it may change, and that folder."""
    place = made_in(tmp_path_factory.mktemp("refusals"))
    store = MemoryStore("images")
    index(place, store)
    with TestClient(adding_app(store)) as client:
        yield client, place


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return made_in(tmp_path)


@pytest.fixture
def store(folder: Path) -> MemoryStore:
    store = MemoryStore("images")
    index(folder, store)
    return store


@pytest.fixture
def client(store: MemoryStore) -> Iterator[TestClient]:
    with TestClient(adding_app(store, patience_s=0.0)) as client:
        yield client


def one(name: str, content: bytes | None = None) -> dict[str, Any]:
    return form((name, content or png("blue")))


REFUSED = {
    "no picture": (one("x.png", b"this is text"), 422, "the content is text, not a picture"),
    "half a picture": (one("x.png", png("red")[:60]), 422, "damaged"),
    "an empty file": (one("x.png", b"") | {"files": [("image", ("x.png", b""))]}, 422, "the file is empty"),
    "too many pixels": (one("x.png", png("red", (3000, 2000))), 422, "SEARCH_MAX_PIXELS"),
    "above the folder": (one("../x.png"), 422, "dot"),
    "below, above": (one("sub/../../x.png"), 422, "dot"),
    "from the root": (one("/etc/x.png"), 422, "relative to the indexed folder"),
    "of Windows": (one("C:x.png"), 422, "relative to the indexed folder"),
    "a hidden name": (one("sub/.x.png"), 422, "dot"),
    "no name of a picture": (one("x.txt"), 422, "it must end as pictures do: .apng"),
    "a line in the name": (one("x\ny.png"), 422, "control character"),
    "a long name": (one(f"{'x' * 300}.png"), 422, "shorten it"),
    "over a link": (one("link/x.png"), 422, "'link' is a link"),
    "over a link out": (one("way out/x.png"), 422, "'way out' is a link"),
    "through a file": (one("notes.txt/x.png"), 422, "'notes.txt' is a file, no folder"),
    "over a picture": (one("sub/a.png"), 409, "choose another name"),
    "over a dangling link": (one("dangling.png"), 409, "choose another name"),
    "twice, unlike": (form(("x.png", png("red")), ("x.png", png("blue"))), 409, "choose another name"),
    "a folder in the file's name": ({"files": {"image": ("a/b.png", png("red"))}}, 422, "send the picture's place"),
    "no picture at all": ({"files": {"picture": ("b.png", png("red"))}}, 422, "not 'picture'"),
    "no form": ({"json": {"image": "x"}}, 422, "multipart/form-data"),
    "a path too many": (one("x.png") | {"data": {"path": ["a.png", "b.png"]}}, 422, "2 of path for 1 pictures"),
    "metadata that is no JSON": (one("x.png") | {"data": {"meta": "{"}}, 422, "no JSON"),
    "a list as metadata": (one("x.png") | {"data": {"meta": "[1]"}}, 422, "no JSON object"),
    "an object in metadata": (one("x.png") | {"data": {"meta": '{"a": {}}'}}, 422, "'a' is an object"),
    "a name of no field": (one("x.png") | {"data": {"meta": '{"a b": 1}'}}, 422, "cannot be a field"),
    "seventeen pictures": (form(*[(f"{n}.png", png("red")) for n in range(17)]), 400, "16"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_refusal_says_why_and_leaves_nothing(case: str, unchanged: tuple[TestClient, Path]) -> None:
    client, folder = unchanged
    arguments, status, words = REFUSED[case]
    before = files(folder)
    found, detail, _ = refusal(client.post("/images", **arguments))
    assert (found, words in detail) == (status, True), detail
    assert files(folder) == before
    assert client.get("/info").json()["generation"] == 1
    assert list((folder.parent / "outside").iterdir()) == []


def test_a_refusal_names_the_one_of_several(unchanged: tuple[TestClient, Path]) -> None:
    client, folder = unchanged
    answer = client.post("/images", **form(("x.png", png("red")), ("y.png", b"GIF89a broken")))
    assert refusal(answer)[2] == "image.1"
    assert "'y.png'" in refusal(answer)[1]
    assert "x.png" not in files(folder)


def test_too_many_fields_are_refused(unchanged: tuple[TestClient, Path]) -> None:
    client, folder = unchanged
    fields = ", ".join(f'"f{number}": 1' for number in range(MAX_FIELDS + 1))
    answer = client.post("/images", **one("x.png") | {"data": {"meta": f"{{{fields}}}", "path": "x.png"}})
    assert refusal(answer)[0] == 422
    assert "leave some out" in refusal(answer)[1]
    assert "x.png" not in files(folder)


@pytest.mark.parametrize("name", ["a.png", "ä/ö ü.JPG", "日本/図.webp", "a.b.c.png", f"{'x' * 250}.png"])
def test_ordinary_names_are_taken(name: str, client: TestClient, folder: Path) -> None:
    assert client.post("/images", **one(name)).status_code == 201
    assert name in files(folder)


@pytest.mark.parametrize(
    "name", ["", " ", "a//b.png", "a/ b.png", "a/b.png/", "a\0.png", "a\\b.png", "\ud800.png", ".."]
)
def test_names_that_no_form_can_send_are_refused_too(name: str) -> None:
    with pytest.raises(BadRequest, match="cannot be the name of a picture"):
        check_name(name, "path")


def test_an_index_run_that_works_is_not_disturbed(client: TestClient, folder: Path, store: MemoryStore) -> None:
    with store.writer(SPEC, str(folder)):
        answer = client.post("/images", **one("x.png"))
        assert refusal(answer)[0] == 503
        assert "is being written" in refusal(answer)[1]
        assert int(answer.headers["retry-after"]) > 0
        assert client.delete("/images/1").status_code == 503
    assert "x.png" not in files(folder)
    assert client.post("/images", **one("x.png")).status_code == 201


def test_a_short_writer_is_waited_for_and_one_commit_is_enough_for_all(folder: Path, store: MemoryStore) -> None:
    with TestClient(adding_app(store, patience_s=60.0)) as client:
        writer = store.writer(SPEC, str(folder))
        answers: list[int] = []

        def add(number: int) -> None:
            answers.append(client.post("/images", **one(f"{number}.png")).status_code)

        threads = [threading.Thread(target=add, args=(number,)) for number in range(5)]
        for thread in threads:
            thread.start()
        waiting = client.app.state.house.at_hand("").hosted.adder()._waiting  # type: ignore[attr-defined]
        while len(waiting) < 5:
            assert any(thread.is_alive() for thread in threads)
        writer.close()
        for thread in threads:
            thread.join()
        assert answers == [201] * 5
        assert client.get("/info").json()["generation"] == 2
        assert client.get("/info").json()["count"] == 6


def test_a_folder_that_cannot_be_written_to(folder: Path) -> None:
    """The kernel's own folder takes no files, not even from root."""
    if not Path("/sys/kernel").is_dir():
        pytest.skip("there is no /sys here")
    store = MemoryStore("images")
    with store.writer(SPEC, "/sys/kernel") as writer:
        writer.commit()
    with TestClient(adding_app(store)) as client:
        status, detail, _ = refusal(client.post("/images", **one("x.png")))
    assert (status, "may not write to the indexed folder" in detail) == (403, True), detail


def test_a_folder_that_is_not_there(folder: Path, store: MemoryStore, client: TestClient) -> None:
    """A disk that is not mounted: nothing is written in its place, and nothing is taken for removed."""
    folder.rename(folder.with_name("elsewhere"))
    assert refusal(client.post("/images", **one("x.png")))[0] == 503
    status, detail, _ = refusal(client.delete("/images/1"))
    assert (status, "is its disk mounted" in detail) == (503, True)
    assert not folder.exists()


def test_switched_off_and_before_the_first_index(tmp_path: Path) -> None:
    from search_app.api.app import create_app
    from search_app.search.service import SearchService

    empty = MemoryStore("images")
    with TestClient(adding_app(empty)) as client:
        assert refusal(client.post("/images", **one("x.png")))[0] == 503
        assert "search_app index" in refusal(client.post("/images", **one("x.png")))[1]
    with TestClient(create_app(lambda: SearchService(StubEncoder(), empty.reader()))) as client:
        assert refusal(client.post("/images", **one("x.png")))[0] == 403
        assert "SEARCH_WRITES" in refusal(client.delete("/images/1"))[1]


def test_the_description_tells_of_both(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    assert {"200", "201", "403", "409", "413", "422", "503"} <= paths["/images"]["post"]["responses"].keys()
    assert {"204", "404", "503"} <= paths["/images/{image_id}"]["delete"]["responses"].keys()
    assert "multipart/form-data" in paths["/images"]["post"]["requestBody"]["content"]


def test_what_a_form_says_once_is_allowed_as_a_text(client: TestClient) -> None:
    """A form cannot tell a list of one from the one: the description may not refuse what is taken."""
    body = client.get("/openapi.json").json()["paths"]["/images"]["post"]["requestBody"]
    fields = body["content"]["multipart/form-data"]["schema"]["properties"]
    assert all({"string", "array"} <= {*fields[name]["type"]} for name in ("path", "meta"))
