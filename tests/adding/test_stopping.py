"""SIGTERM ends a real service: what was begun is answered, and what was answered is there."""

import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from search_app.index.edge.store import EdgeStore
from tests.adding.world import held_by, index, noise, png
from tests.conftest import free_port, started

ENV = {"SEARCH_MODEL": "stub", "SEARCH_INDEX_DIR": "storage", "SEARCH_WRITES": "on"}
LIMIT_S = 180.0


class Served:
    """`python -m search_app serve` in a process of its own."""

    def __init__(self, home: Path, *options: str) -> None:
        self.port = free_port()
        self.process = started("search_app", "serve", "--port", self.port, *options, cwd=home, env=ENV)
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=LIMIT_S)

    def wait_until_ready(self) -> None:
        give_up = time.monotonic() + LIMIT_S
        while not self._is_ready():
            assert self.process.poll() is None, "the service ended"
            assert time.monotonic() < give_up, "the service is not ready"
            time.sleep(0.05)

    def _is_ready(self) -> bool:
        try:
            return self.client.get("/readyz").status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def begin(self, request: httpx.Request) -> tuple[socket.socket, bytes]:
        """Send all of a request but its end, which is given back."""
        body = request.read()
        head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
        line = f"{request.method} {request.url.raw_path.decode()} HTTP/1.1\r\n"
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=LIMIT_S)
        connection.sendall(f"{line}{head}\r\n".encode() + body[:-10])
        return connection, body[-10:]

    def wait_until_deaf(self) -> None:
        """Wait until nobody new is let in."""
        give_up = time.monotonic() + LIMIT_S
        while time.monotonic() < give_up:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                return
            time.sleep(0.01)
        pytest.fail("the service still lets requests in")

    def end(self) -> str:
        self.client.close()
        if self.process.poll() is None:
            self.process.terminate()
        return "".join(self.process.communicate(timeout=LIMIT_S))


def answer_of(connection: socket.socket) -> tuple[int, bytes]:
    with connection, connection.makefile("rb") as stream:
        status = int(stream.readline().split()[1])
        return status, stream.read()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with two indexed pictures and their index."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name in ("red", "blue"):
        (folder / f"{name}.png").write_bytes(png(name))
    index(folder, EdgeStore(tmp_path / "storage", "images"))
    return tmp_path


@pytest.fixture
def opened() -> Iterator[list[Served]]:
    services: list[Served] = []
    yield services
    for service in services:
        service.end()


def test_what_was_begun_is_answered_and_kept(home: Path, opened: list[Served]) -> None:
    service = Served(home)
    opened.append(service)
    service.wait_until_ready()
    upload = service.client.build_request(
        "POST", "/images", files={"image": ("new.png", noise(1))}, headers={"connection": "close"}
    )
    search = service.client.build_request(
        "POST", "/search", json={"query": "red" + " " * 100, "limit": 1}, headers={"connection": "close"}
    )
    adding, rest_of_upload = service.begin(upload)
    searching, rest_of_search = service.begin(search)
    # A connection whose head was not read yet is idle, and closed. Each answer takes a turn of the event loop: one to
    # accept both, one to watch them, one to read them.
    for _ in range(3):
        assert service.client.get("/healthz").status_code == 200
    service.process.send_signal(signal.SIGTERM)
    service.wait_until_deaf()
    searching.sendall(rest_of_search)
    status, body = answer_of(searching)
    assert (status, b'"path":"red.png"' in body) == (200, True)
    adding.sendall(rest_of_upload)
    status, body = answer_of(adding)
    assert (status, b'"id":3' in body) == (201, True)
    assert "Traceback" not in service.end()
    assert service.process.returncode in {0, -signal.SIGTERM}
    assert held_by(EdgeStore(home / "storage", "images"))[3].picture.path == "new.png"
    assert (home / "pictures" / "new.png").read_bytes() == noise(1)


def test_every_worker_adds_and_all_of_them_find_it(home: Path, opened: list[Served]) -> None:
    service = Served(home, "--workers", "2")
    opened.append(service)
    service.wait_until_ready()
    added = {}
    for number in range(3):  # a new connection each, which either process may take
        with httpx.Client(base_url=service.client.base_url, timeout=LIMIT_S) as client:
            answer = client.post("/images", files={"image": (f"{number}.png", noise(number))})
            assert answer.status_code == 201, answer.text
            [one] = answer.json()["images"]
            added[one["id"]] = one["path"]
    assert sorted(added) == [3, 4, 5]
    seen = 0
    give_up = time.monotonic() + LIMIT_S
    while seen < 8 and time.monotonic() < give_up:  # eight answers in a row, of whichever process
        with httpx.Client(base_url=service.client.base_url, timeout=LIMIT_S) as client:
            found = client.get("/search", params={"query": "red", "limit": 10}).json()
        seen = seen + 1 if {one["id"] for one in found} == {1, 2, 3, 4, 5} else 0
    assert seen == 8
    assert "Traceback" not in service.end()
    held = held_by(EdgeStore(home / "storage", "images"))
    assert {number: held[number].picture.path for number in added} == added
