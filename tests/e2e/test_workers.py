"""Several processes answer from one embedded index, and all follow when it is replaced."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path
from shutil import copyfile

import httpx
import pytest

from search_app.cli.serve import send_at_once
from tests.conftest import SAMPLE, free_port, search_app, started

STUB = {"SEARCH_MODEL": "stub"}
ENOUGH = 40
"""Connections, each new: with two workers it is as good as sure that both are asked."""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "pictures").mkdir()
    for number, picture in enumerate(sorted(SAMPLE.rglob("*.jpg"))[:3]):
        copyfile(picture, tmp_path / "pictures" / f"{number}.jpg")
    assert search_app("index", "pictures", cwd=tmp_path, env=STUB).status == 0
    return tmp_path


@pytest.fixture
def url(home: Path) -> Iterator[str]:
    port = free_port()
    process = started("search_app", "serve", "--workers", 2, "--port", port, cwd=home, env=STUB)
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    assert process.wait(timeout=30) == 0


def answers(url: str) -> set[str]:
    """What comes back over many new connections; empty where nobody answers yet."""
    try:
        return {httpx.get(f"{url}/search?query=car", timeout=30).text for _ in range(ENOUGH)}
    except httpx.TransportError:
        return set()


def until_all_answer(url: str, pictures: int) -> None:
    give_up = time.monotonic() + 300
    while True:
        found = answers(url)
        if len(found) == 1 and found.copy().pop().count('"id"') == pictures:
            return
        assert time.monotonic() < give_up, found
        time.sleep(0.1)


def test_two_workers_answer_alike_and_both_follow_a_commit(home: Path, url: str) -> None:
    until_all_answer(url, 3)
    (home / "pictures" / "0.jpg").unlink()
    assert search_app("index", "pictures", cwd=home, env=STUB).status == 0
    until_all_answer(url, 2)


def test_no_worker_at_all_is_refused_in_a_sentence(tmp_path: Path) -> None:
    done = search_app("serve", "--workers", "0", cwd=tmp_path, env=STUB)
    assert done.status == 2
    assert "--workers 0" in done.err
    assert "Traceback" not in done.err


def test_connections_of_the_shared_socket_send_at_once() -> None:
    """As uvicorn makes it for several workers, without a protocol number: asyncio would leave it as it is."""
    with socket.socket(socket.AF_INET) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        send_at_once(listening)
        with socket.create_connection(listening.getsockname()), listening.accept()[0] as accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
