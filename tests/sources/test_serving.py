"""The service shows pictures of any source, only what was indexed, and adds to folders alone."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from search_app.api.app import create_app
from search_app.encoders.stub import StubEncoder
from search_app.ingest.adding.adder import Adder
from search_app.search.service import SearchService
from search_app.settings import load_settings
from search_app.wiring import open_service
from search_app.wiring_index import open_store
from tests.conftest import search_app
from tests.sources.conftest import fill_bucket, serving_folder
from tests.sources.test_shards import shard


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.fixture
def client(home: Path) -> Iterator[TestClient]:
    settings = load_settings(model="stub", index_dir=home / "qdrant_storage")

    def open_adder(service: SearchService) -> Adder:
        return Adder(open_store(settings), service.reader, StubEncoder, max_pixels=10**6)

    with TestClient(create_app(lambda: open_service(settings), open_adder=open_adder)) as client:
        yield client


def indexed(source: str, home: Path) -> None:
    done = search_app("index", source, cwd=home, env={"SEARCH_MODEL": "stub"})
    assert done.status == 0, done.err
    assert source in done.out


def shown(client: TestClient, number: int, content: bytes) -> None:
    answer = client.get(f"/images/{number}")
    assert (answer.status_code, answer.content) == (200, content)
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert client.get(f"/images/{number}", headers={"If-None-Match": answer.headers["etag"]}).status_code == 304
    small = client.get(f"/images/{number}/thumbnail?size=32")
    assert Image.open(io.BytesIO(small.content)).size == (32, 24)
    explained = client.get(f"/images/{number}/explain?query=red")
    assert explained.status_code == 200
    assert explained.json()["heat"]


def test_a_picture_of_a_web_server_is_shown_as_long_as_it_is_the_one_that_was_indexed(
    web: str, folder: Path, home: Path, request: pytest.FixtureRequest
) -> None:
    indexed(web, home)
    client: TestClient = request.getfixturevalue("client")
    shown(client, 2, (folder / "b.png").read_bytes())
    assert client.get("/info").json()["folder"] == web.rpartition("/")[2]
    (folder / "b.png").write_bytes((folder / "a.png").read_bytes())
    gone = client.get("/images/2")
    assert (gone.status_code, "another one by now" in gone.json()["detail"]) == (404, True)
    (folder / "b.png").unlink()
    assert client.get("/images/2").status_code == 404


def test_a_picture_of_a_server_that_is_down_is_503(folder: Path, home: Path, request: pytest.FixtureRequest) -> None:
    with serving_folder(folder) as address:
        indexed(address, home)
        client: TestClient = request.getfixturevalue("client")
        assert client.get("/images/1").status_code == 200
    answer = client.get("/images/1")
    assert answer.status_code == 503
    assert "retry-after" in answer.headers


@pytest.mark.usefixtures("s3")
def test_pictures_of_a_bucket_are_shown_and_nothing_is_added_to_it(
    folder: Path, home: Path, request: pytest.FixtureRequest
) -> None:
    fill_bucket("served", folder)
    indexed("s3://served/sub", home)
    client: TestClient = request.getfixturevalue("client")
    shown(client, 1, (folder / "sub" / "c.jpg").read_bytes())
    files = {"image": ("new.png", (folder / "a.png").read_bytes(), "image/png")}
    for answer in (client.post("/images", files=files), client.delete("/images/1")):
        assert answer.status_code == 403
        assert "which is no folder of this machine" in answer.json()["detail"]
    assert client.get("/images/1").status_code == 200


def test_pictures_of_shards_and_lists_are_shown(folder: Path, home: Path, request: pytest.FixtureRequest) -> None:
    red = (folder / "b.png").read_bytes()
    shard(home / "0.tar", {"x.png": b"no picture", "y.png": red})
    indexed(str(home / "0.tar"), home)
    client: TestClient = request.getfixturevalue("client")
    shown(client, 1, red)
    (folder / "l.csv").write_text("path\nb.png\n")
    done = search_app("index", folder / "l.csv", cwd=home, env={"SEARCH_MODEL": "stub"})
    assert done.status == 0, done.err
    assert client.get("/images/1").status_code in {200, 404}  # followed within a second
    doctor = search_app("doctor", cwd=home, env={"SEARCH_MODEL": "stub"})
    assert "1 of " in doctor.out
    assert "looked at" in doctor.out
