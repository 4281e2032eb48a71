"""A question asked again of the same index is answered from memory, and never with what another index answered."""

import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from search_app.api.app import create_app
from search_app.api.repeating import MAX_QUESTION_BYTES
from search_app.datatypes import Manifest, Neighbours, Picture, Point, VectorQuery
from search_app.index.edge.store import EdgeStore
from search_app.index.memory.reader import MemoryReader
from search_app.index.memory.store import MemoryStore
from search_app.search.service import SearchService
from tests.api.test_search import assert_problem
from tests.search.colours import COLOURS, SPEC, ColourEncoder, colour_vectors, index_pictures, write_pictures

BODIES: tuple[dict[str, Any], ...] = (
    {"query": "red"},
    {"query": "red", "limit": 2, "offset": 1},
    {"query": "a red thing without green"},
    {"terms": [{"text": "red"}, {"id": 3, "weight": -0.5}], "words": "off"},
    {"query": "blue", "filter": {"format": "PNG"}, "facets": ["format"]},
    {"query": '"took_ms":{"encode":7}'},
)
STRINGS = ("query=red", "query=red&limit=2&offset=1", "query=red&filter=format:PNG", "query=red&like=2&words=fused")


class CountingReader(MemoryReader):
    """Counts how often the index was asked; opened anew, its manifests are others, though equal."""

    asked = 0
    is_reopened = False

    def manifest_at_hand(self) -> Manifest | None:
        manifest = super().manifest_at_hand()
        return replace(manifest) if manifest and self.is_reopened else manifest

    def search(self, queries: Sequence[VectorQuery]) -> list[Neighbours]:
        self.asked += 1
        return super().search(queries)


@dataclass
class World:
    """A service over an index in memory, and how often that was asked."""

    store: MemoryStore
    reader: CountingReader
    folder: Path
    fetcher: "OtherEachTime"
    client: TestClient = field(init=False)

    def asked(self) -> int:
        asked, self.reader.asked = self.reader.asked, 0
        return asked


@dataclass
class OtherEachTime:
    """Stands for the internet: another picture each time at the same address."""

    shown: int = 0

    async def fetch(self, wanted: Mapping[str, str]) -> dict[str, bytes]:
        self.shown += 1
        file = BytesIO()
        Image.new("RGB", (32, 32), COLOURS[list(COLOURS)[self.shown % 2]]).save(file, "PNG")
        return dict.fromkeys(wanted.values(), file.getvalue())


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    folder = tmp_path / "pictures"
    write_pictures(folder)
    store = MemoryStore("colours")
    index_pictures(store, folder)
    world = World(store, CountingReader(store), folder, OtherEachTime())
    app = create_app(lambda: SearchService(ColourEncoder(), world.reader), open_fetcher=lambda: world.fetcher)
    with TestClient(app) as client:
        world.client = client
        yield world


def untimed(answer: str) -> str:
    return re.sub(r'"took_ms":\{[^}]*\}', "", answer, count=1)


@pytest.mark.parametrize("string", STRINGS)
def test_get_answers_the_same_bytes_without_asking_the_index(world: World, string: str) -> None:
    first = world.client.get(f"/search?{string}")
    assert (first.status_code, world.asked() > 0) == (200, True)
    again = world.client.get(f"/search/?{string}")
    assert (again.status_code, world.asked()) == (200, 0)
    unalike = dict.fromkeys(("x-request-id",), "")
    assert (again.content, {**again.headers, **unalike}) == (first.content, {**first.headers, **unalike})


@pytest.mark.parametrize("body", BODIES)
def test_post_answers_the_same_but_for_the_time_it_took(world: World, body: dict[str, Any]) -> None:
    first = world.client.post("/search", json=body)
    assert (first.status_code, world.asked() > 0) == (200, True)
    again = world.client.post("/search/", json=body)
    assert (again.status_code, world.asked()) == (200, 0)
    assert untimed(again.text) == untimed(first.text)
    assert again.json()["query"] == body.get("query", "")
    took = again.json()["took_ms"]
    assert took == {"encode": 0, "search": 0, "fetch": 0, "total": took["total"]}
    unalike = dict.fromkeys(("content-length", "x-request-id"), "")
    assert {**again.headers, **unalike} == {**first.headers, **unalike}
    assert int(again.headers["content-length"]) == len(again.content)


def test_another_question_is_another_answer(world: World) -> None:
    answers = {world.client.get(f"/search?query={colour}").text for colour in COLOURS}
    answers |= {world.client.post("/search", json={"query": colour}).text for colour in COLOURS}
    assert len(answers) == 2 * len(COLOURS)


def test_after_a_commit_nothing_older_is_answered(world: World) -> None:
    for _ in range(2):
        world.client.get("/search?query=red")
        world.client.post("/search", json={"query": "red"})
    world.asked()
    with world.store.writer(SPEC, str(world.folder)) as writer:
        writer.delete([1])
        writer.commit()
    found = world.client.get("/search?query=red").json()
    assert 1 not in {hit["id"] for hit in found}
    answer = world.client.post("/search", json={"query": "red"}).json()
    assert (answer["generation"], 1 in {hit["id"] for hit in answer["hits"]}) == (2, False)
    assert world.asked() > 0


def test_an_index_made_anew_under_the_same_number_is_another_one(world: World) -> None:
    before = world.client.get("/search?query=red").json()
    fresh = MemoryStore("colours")
    with fresh.writer(SPEC, str(world.folder)) as writer:
        vectors = colour_vectors(list(COLOURS.values())[::-1])
        shown = [Picture(f"{name}/a picture.png", f"{name:>032}", 1, 1, 640, 400, "PNG") for name in COLOURS]
        writer.upsert([Point(number, vectors[number - 1], one) for number, one in enumerate(shown, 1)])
        made, asked = writer.commit(), world.reader.manifest()
        assert replace(made, committed_at=asked.committed_at) == asked
    world.store.committed = fresh.committed
    assert world.client.get("/search?query=red").json()[0]["id"] != before[0]["id"]


def test_errors_are_not_kept(empty_store: MemoryStore, empty_client: TestClient, tmp_path: Path) -> None:
    for _ in range(2):
        assert_problem(empty_client.get("/search?query=red"), 503)
        assert_problem(empty_client.post("/search", json={"query": "red", "limit": -1}), 422, "limit")
    index_pictures(empty_store, tmp_path)
    assert empty_client.get("/search?query=red").json()[0]["id"] == 1


@pytest.mark.parametrize("spelling", ['{"image_url": "http://a.example/"}', '{"image\\u005furl": "http://a.example/"}'])
def test_what_stands_on_the_internet_is_looked_at_each_time(world: World, spelling: str) -> None:
    answers = [world.client.post("/search", content=spelling).json()["hits"][0]["id"] for _ in range(2)]
    assert (answers, world.fetcher.shown) == ([2, 1], 2)


def test_long_questions_and_forms_are_answered_and_not_kept(world: World) -> None:
    long = {"query": "red", "terms": [{"text": "x" * 500} for _ in range(MAX_QUESTION_BYTES // 500)]}
    for _ in range(2):
        assert world.client.post("/search", json=long).status_code == 200
        assert world.client.post("/search", files={"query": (None, "red")}).json()["query"] == "red"
        assert world.client.get("/search", params={"query": "red", "_": "x" * MAX_QUESTION_BYTES}).status_code == 200
        assert world.asked() > 2


def test_the_path_that_a_proxy_serves_it_at_is_part_of_the_question(world: World) -> None:
    def url(root: str) -> str:
        client = TestClient(world.client.app, root_path=root)
        return str(client.post("/search", json={"query": "red"}).json()["hits"][0]["url"])

    assert [url("/one"), url("/other"), url("/one")] == ["/one/images/1", "/other/images/1", "/one/images/1"]


def test_an_equal_manifest_is_not_the_same_state(world: World) -> None:
    """An index that was opened anew may hold anything else under the same number."""
    for is_reopened, asks in ((False, True), (False, False), (True, True)):
        world.reader.is_reopened = is_reopened
        assert world.client.get("/search?query=red").status_code == 200
        assert bool(world.asked()) is asks


GENERATIONS = 6


def commit(store: EdgeStore, number: int) -> None:
    """A generation whose pictures say which one they are of, in id and path."""
    shown = [
        Picture(f"{number}/{name}.png", f"{number:016x}{at:016x}", 1, 1, 640, 400, "PNG")
        for at, name in enumerate(COLOURS)
    ]
    vectors = colour_vectors(list(COLOURS.values()))
    with store.writer(SPEC, "/pictures", rebuild=number > 1) as writer:
        first = 100 * number
        writer.upsert([Point(first + at, vectors[at], picture) for at, picture in enumerate(shown)])
        writer.commit()


def test_no_answer_is_of_an_older_index_while_it_is_replaced_under_load(tmp_path: Path) -> None:
    """Many clients ask few questions, so that nearly all is answered from memory, while the index is replaced."""
    store = EdgeStore(tmp_path / "qdrant_storage", "colours")
    commit(store, 1)
    done = Event()

    def ask(client: TestClient, colour: str) -> int:
        newest = answered = 0
        while not done.is_set():
            answer = client.post("/search", json={"query": colour}).json()
            least = client.get("/readyz").json()["generation"]
            ids = [hit["id"] for hit in client.get(f"/search?query={colour}").json()]
            assert {hit["path"].partition("/")[0] for hit in answer["hits"]} == {str(answer["generation"])}
            (of,) = {number // 100 for number in ids}
            assert newest <= answer["generation"] <= least <= of
            newest = of
            answered += 1
        return answered

    with (
        TestClient(create_app(lambda: SearchService(ColourEncoder(), store.reader()))) as client,
        ThreadPoolExecutor(8) as pool,
    ):
        asking = [pool.submit(ask, client, colour) for colour in list(COLOURS)[:4] * 2]
        try:
            for number in range(2, GENERATIONS + 1):
                commit(store, number)
                while client.get("/readyz").json()["generation"] < number:
                    assert not any(one.done() for one in asking)
        finally:
            done.set()
        assert min(one.result() for one in asking) > GENERATIONS
        assert client.get("/search?query=red").json()[0]["id"] == 100 * GENERATIONS
