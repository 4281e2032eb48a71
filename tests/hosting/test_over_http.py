"""Several collections with the same ids in one service: nothing of one is told where another is asked."""

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from search_app.api.app import create_app
from search_app.api.guarding.guard import Guard
from search_app.api.guarding.keys import KeyRing, Scope, new_key
from search_app.cli.program import main
from search_app.client import ClientError, ProblemError, SearchClient
from search_app.encoders.base import Encoder
from search_app.errors import SettingsError
from search_app.index.edge.store import EdgeStore
from search_app.ingest.adding.adder import Adder
from search_app.judgements.store import JudgementStore
from search_app.search.service import SearchService
from tests.adding.world import noise
from tests.api.test_search import assert_problem
from tests.hosting.test_switching import switch_and_wait
from tests.hosting.world import MAX_PIXELS, SeededEncoder, World, content_hash, edge_world, house_in

COLOURS = {"images": "red", "shop": "blue"}
KEYS = {name: new_key(name, Scope.READ, name) for name in COLOURS} | {
    "boss": new_key("boss", Scope.ADMIN, "shop"),
    "all": new_key("all", Scope.READ),
    "judge": new_key("judge", Scope.WRITE),
}
RING = KeyRing(",".join(entry for _, entry in KEYS.values()))
SHOP = "/collections/shop"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """`images` in red made by `first`, `shop` in blue by `second`: five files of the same size and age each."""
    home = tmp_path_factory.mktemp("two")
    made = edge_world(home)
    for collection, colour in COLOURS.items():
        made.fill(collection, {"images": "first", "shop": "second"}[collection], pictures=5)
        for number in range(1, 6):
            file = home / f"{collection}-{number}.png"
            Image.new("RGB", (64, 48), colour).save(file, "PNG", compress_level=0)
            os.utime(file, ns=(10**18, 10**18))
    return made


def serve(world: World, guard: Guard, home: Path) -> TestClient:
    store = JudgementStore(home, str)
    return TestClient(create_app(world.open_house, lambda: store, open_guard=lambda: guard))


@pytest.fixture(scope="module")
def client(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with serve(world, Guard(), tmp_path_factory.mktemp("open")) as client:
        yield client


@pytest.fixture(scope="module")
def locked(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with serve(world, Guard(keys=RING), tmp_path_factory.mktemp("locked")) as client:
        yield client


def status(client: TestClient, name: str, path: str, method: str = "GET", **options: Any) -> int:
    headers = {"authorization": f"Bearer {KEYS[name][0]}"}
    return client.request(method, path, headers=headers, **options).status_code


def test_a_key_of_one_collection_opens_that_one_alone(locked: TestClient) -> None:
    for path in ("/info", "/readyz", "/search?query=red", "/images/1", "/images/1/thumbnail", "/images/1/similar"):
        assert [status(locked, name, SHOP + path) for name in ("shop", "images", "all", "boss")] == [200, 403, 200, 200]
        assert status(locked, "shop", f"/collections/images{path}") == 403
    for path in ("/search?query=red", "/info", "/images/1"):
        assert [status(locked, name, path) for name in ("shop", "images", "all", "boss")] == [403, 200, 200, 403]
    for path in ("/v1/models", "/metrics", "/judgements", f"{SHOP}/judgements", "/nothing", f"{SHOP}/nothing"):
        assert [status(locked, name, path) for name in ("shop", "boss")] == [403, 403]
    assert status(locked, "shop", "/v1/embeddings", "POST", json={"model": "first", "input": "red"}) == 403
    assert status(locked, "judge", f"{SHOP}/judgements") == 200
    assert [status(locked, name, f"{SHOP}/images/1", "DELETE") for name in ("shop", "all", "boss")] == [403, 403, 403]
    assert status(locked, "boss", "/collections/images/images/1", "DELETE") == 403
    refused = locked.get("/search?query=red", headers={"x-api-key": KEYS["shop"][0]})
    assert_problem(refused, 403)
    assert "/collections/shop alone" in refused.json()["detail"]
    for path in ("/collections", f"{SHOP}/search?query=red", f"{SHOP}/readyz", "/v1/models"):
        assert locked.get(path).status_code == 401


def test_a_key_of_one_collection_sees_no_other(locked: TestClient) -> None:
    def listed(name: str) -> list[tuple[str, str, int]]:
        answer = locked.get("/collections", headers={"x-api-key": KEYS[name][0]})
        return [(one["name"], one["model"], one["count"]) for one in answer.json()["collections"]]

    both = [("images", "first", 5), ("shop", "second", 5)]
    assert (listed("all"), listed("shop"), listed("images")) == (both, both[1:], both[:1])
    shown = locked.get(f"{SHOP}/info", headers={"x-api-key": KEYS["shop"][0]}).json()
    assert (shown["collection"], shown["model"], shown["configuration"]) == ("shop", "second", {})


def test_a_key_of_an_alias_sees_that_name(world: World, tmp_path: Path) -> None:
    secret, entry = new_key("ann", Scope.READ, "sale")
    catalogue = world.catalogue()
    catalogue.switch("sale", "shop")
    with serve(world, Guard(keys=KeyRing(entry)), tmp_path) as client:
        client.headers["x-api-key"] = secret
        listed = client.get("/collections").json()["collections"]
        assert [(one["name"], one["aliases"], one["model"]) for one in listed] == [("sale", [], "second")]
        assert client.get("/collections/sale/search?query=red").status_code == 200
        assert client.get("/collections/shop/search?query=red").status_code == 403
    catalogue.remove("sale")
    catalogue.close()


def test_keys_for_one_collection_are_made_by_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "new", "--scope", "read", "--name", "ann", "--collection", "shop"]) == 0
    secret, entry = [line.rpartition(": ")[2] for line in capsys.readouterr().out.splitlines()]
    key = KeyRing(entry).find(secret)
    assert key is not None
    assert (key.name, key.scope, key.collection) == ("ann", Scope.READ, "shop")
    for scope, name in ((Scope.WRITE, "shop"), (Scope.METRICS, "shop"), (Scope.READ, "a/b"), (Scope.READ, ":")):
        with pytest.raises(SettingsError, match="--collection"):
            new_key("ann", scope, name)


def pixel(answer: Any) -> str:
    red, _, blue = Image.open(io.BytesIO(answer.content)).convert("RGB").getpixel((5, 5))  # type: ignore[misc]
    return "red" if red > blue else "blue"


def test_pictures_with_the_same_id_size_and_age_are_told_apart(client: TestClient) -> None:
    for _ in range(2):  # the second time from memory
        for path in ("images/1", "images/1/thumbnail"):
            assert [pixel(client.get(f"/collections/{name}/{path}")) for name in COLOURS] == ["red", "blue"]
            tags = [client.get(f"/collections/{name}/{path}").headers["etag"] for name in COLOURS]
            assert tags[0] != tags[1]
            unchanged = client.get(f"/collections/shop/{path}", headers={"if-none-match": tags[1]})
            assert unchanged.status_code == 304
            assert client.get(f"/collections/shop/{path}", headers={"if-none-match": tags[0]}).status_code == 200
            assert "no-cache" in client.get(f"/collections/shop/{path}").headers["cache-control"]


def test_an_answer_from_memory_is_of_the_collection_that_is_asked(client: TestClient) -> None:
    def paths(prefix: str) -> set[str]:
        hits = client.post(f"{prefix}/search", json={"query": "a cup"}).json()["hits"]
        assert all(hit["url"] == f"{prefix}/images/{hit['id']}" for hit in hits)
        return {hit["path"].partition("-")[0] for hit in hits}

    for _ in range(3):
        assert [paths(""), paths(SHOP), paths("/collections/images")] == [{"images"}, {"shop"}, {"images"}]
        lists = [client.get(f"{prefix}/search?query=a+cup").json() for prefix in ("", SHOP)]
        assert lists[0] != lists[1]


def test_judgements_name_the_picture_of_the_collection_they_came_by(client: TestClient) -> None:
    for prefix, name in (("", "images"), (SHOP, "shop"), ("/collections/images", "images")):
        sent = {"uuid": f"{len(prefix):08d}-0000-4000-8000-000000000000", "assessor": "ann", "query": "a cup"}
        body = {"judgements": [{**sent, "image_id": 2, "grade": 1, "source": "thumb"}]}
        answer = client.post(f"{prefix}/judgements", json=body)
        assert answer.status_code == 200, answer.text
        [stored] = answer.json()["judgements"]
        assert (stored["content_hash"], stored["path"]) == (content_hash(name, 2), f"{name}-2.png")
        found = client.get(f"{prefix}/judgements?image_id=2").json()["judgements"]
        assert {one["content_hash"] for one in found} == {content_hash(name, 2)}


def test_pictures_are_added_to_the_collection_that_is_asked(tmp_path: Path) -> None:
    world = edge_world(tmp_path)
    for name, model in (("images", "first"), ("shop", "second")):
        (tmp_path / name).mkdir()
        fill_empty(EdgeStore(tmp_path / "storage", name), model, tmp_path / name)

    def open_adder(collection: str, service: SearchService) -> Adder:
        return Adder(world.store(collection), service.reader, lambda: service.encoder, max_pixels=MAX_PIXELS)

    world.open_adder = open_adder
    catalogue = world.catalogue()
    with world.serving() as client:
        for prefix, name in (("", "images"), (SHOP, "shop")):
            added = client.post(f"{prefix}/images", files={"image": ("x.png", noise(len(name)))})
            assert (added.status_code, added.json()["images"][0]["url"]) == (201, f"{prefix}/images/1")
            assert [file.name for file in (tmp_path / name).iterdir()] == ["x.png"]
            assert client.get(f"{prefix}/info").json()["count"] == 1
        assert client.delete(f"{SHOP}/images/1").status_code == 204
        assert [client.get(f"{prefix}/images/1").status_code for prefix in ("", SHOP)] == [200, 404]
        switch_and_wait(client, catalogue, "shop")
        assert client.post("/images", files={"image": ("y.png", noise(9))}).status_code == 201
        assert [file.name for file in (tmp_path / "shop").iterdir()] == ["y.png"]
    catalogue.close()


def fill_empty(store: EdgeStore, model: str, folder: Path) -> None:
    encoder: Encoder = SeededEncoder(model)
    with store.writer(encoder.spec, str(folder)) as writer:
        writer.commit()


def test_the_client_asks_one_collection(client: TestClient) -> None:
    def forward(request: httpx.Request) -> httpx.Response:
        given = client.request(request.method, str(request.url), content=request.content, headers=dict(request.headers))
        return httpx.Response(given.status_code, headers=dict(given.headers), content=given.content)

    transport = httpx.MockTransport(forward)
    for name, model in (("images", "first"), ("shop", "second"), ("", "first")):
        asking = SearchClient("http://testserver", collection=name, transport=transport)
        assert (asking.info().model, asking.ready().count) == (model, 5)
        hit = asking.search("a cup", limit=1).hits[0]
        assert hit.path.startswith(name or "images")
        assert asking.image(hit.id) == client.get(hit.url).content
    with pytest.raises(ProblemError, match="no collection is called 'none'"):
        SearchClient("http://testserver", collection="none", transport=transport).ids("a cup")
    with pytest.raises(ClientError, match="the name of no collection"):
        SearchClient("http://testserver", collection="../info")


def test_a_single_service_is_a_house_of_one(world: World) -> None:
    """As tests, notebooks and `mcp` open it."""
    service = SearchService(SeededEncoder("second"), world.store("shop").reader(), max_pixels=MAX_PIXELS)
    with TestClient(create_app(lambda: service)) as client:
        assert client.get(f"{SHOP}/info").json()["model"] == client.get("/info").json()["model"] == "second"
        listed = client.get("/collections").json()["collections"]
        assert [(one["name"], one["is_open"]) for one in listed] == [("shop", True)]
        assert client.get("/collections/images/info").status_code == 404
        assert len(house_in(client).services()) == 1
