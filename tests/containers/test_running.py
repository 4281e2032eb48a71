"""The image is built and Compose is run, for real; skipped where no Docker engine answers."""

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.containers.stack import IMAGE, KILL_THE_SERVER, PATIENCE_SECONDS, ROOT, Stack, build, run, why_not, works

QDRANT = "qdrant/qdrant:v1.19.2-unprivileged"
CARS = "/search/?query=car"
WRITE_TO_ROOT = "import pathlib; pathlib.Path('/app/written').write_text('')"


@pytest.fixture(scope="module", autouse=True)
def image() -> None:
    if reason := why_not():
        pytest.skip(reason)
    build(IMAGE, ".", "--build-arg", "REQUIREMENTS=requirements-lite.txt")


def folder_in(place: Path) -> Path:
    """An empty folder of pictures that the container's user can read."""
    folder = place / "data"
    folder.mkdir(mode=0o755)
    return folder


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = Stack("search-app-test-embedded", folder_in(tmp_path_factory.mktemp("e")), "docker-compose.embedded.yml")
    try:
        stack.up()
        yield stack
    finally:
        stack.compose("down", "-v")
    assert stack.volumes() == set()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Stack]:
    """On Qdrant itself where its image can be had, else on the stand-in."""
    files = ["docker-compose.yml"]
    if not works("docker", "image", "inspect", QDRANT) and not works("docker", "pull", "-q", QDRANT, seconds=300):
        build("search-app-qdrant-stand-in:test", "tests/containers", "-f", "tests/containers/stand-in.Dockerfile")
        files.append("tests/containers/stand-in.yml")
    stack = Stack("search-app-test-server", folder_in(tmp_path), *files)
    try:
        stack.up()
        yield stack
    finally:
        stack.compose("down", "-v")
    assert stack.volumes() == set()


def wait_healthy(stack: Stack) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while stack.inspect("api")["State"]["Health"]["Status"] != "healthy":
        assert time.monotonic() < deadline, stack.compose("logs", "api")
        time.sleep(0.5)


def test_the_image_is_small_and_holds_neither_root_nor_pip_nor_data() -> None:
    (facts,) = json.loads(run("docker", "image", "inspect", IMAGE).stdout)
    assert facts["Config"]["User"] == "10001:10001"
    assert facts["Size"] < 800e6
    code = "import os, importlib.util as u; print(os.getuid(), u.find_spec('pip'), u.find_spec('torch'), os.listdir())"
    shown = run("docker", "run", "--rm", "--read-only", "--network", "none", IMAGE, "python", "-c", code).stdout
    assert shown.startswith("10001 None None ")
    assert "'tests'" not in shown
    assert "'data'" not in shown


def test_the_embedded_engine_serves_the_sample_from_a_sealed_container(embedded: Stack) -> None:
    hits = embedded.get(CARS)
    assert len(hits) == 5
    assert set(hits[0]) == {"id", "score"}
    wait_healthy(embedded)
    assert embedded.inside("api", "import os; print(os.getuid())") == "10001\n"
    with pytest.raises(RuntimeError, match="Read-only file system"):
        embedded.inside("api", WRITE_TO_ROOT)
    status = embedded.inside("api", "print(open('/proc/self/status').read())")
    assert "CapEff:\t0000000000000000" in status
    assert "NoNewPrivs:\t1" in status


def test_a_killed_service_comes_back_with_the_same_answers(embedded: Stack) -> None:
    before = embedded.get(CARS)
    embedded.inside("api", KILL_THE_SERVER)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while embedded.inspect("api")["RestartCount"] == 0:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    embedded.wait_ready()
    assert embedded.get(CARS) == before


def test_down_keeps_the_index(embedded: Stack) -> None:
    before = embedded.get(CARS)
    embedded.compose("down")
    assert embedded.volumes() == {"index", "models"}
    embedded.up()
    assert "0 embedded" in embedded.compose("logs", "precompute")
    assert embedded.get(CARS) == before


def test_new_pictures_are_served_without_a_restart(embedded: Stack) -> None:
    started = embedded.inspect("api")["State"]["StartedAt"]
    pictures = sorted((ROOT / "sample" / "images").rglob("*.jpg"))[:7]
    for picture in pictures:
        shutil.copy(picture, embedded.data)
    embedded.compose("run", "--rm", "precompute")
    deadline = time.monotonic() + PATIENCE_SECONDS
    while len(embedded.get(CARS + "&limit=100")) != len(pictures):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert embedded.inspect("api")["State"]["StartedAt"] == started


def test_qdrant_over_http_serves_the_sample_and_keeps_it(server: Stack) -> None:
    before = [hit["id"] for hit in server.get(CARS)]
    assert len(before) == 5
    assert server.inspect("qdrant")["State"]["Health"]["Status"] == "healthy"
    assert server.inspect("qdrant")["NetworkSettings"]["Ports"].get("6333/tcp") is None
    wait_healthy(server)
    server.compose("down")
    assert server.volumes() == {"index", "models", "qdrant", "qdrant_snapshots"}
    server.up()
    assert "0 embedded" in server.compose("logs", "precompute")
    assert [hit["id"] for hit in server.get(CARS)] == before
