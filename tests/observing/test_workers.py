"""Several processes count together: whichever is scraped tells the sums, also of one that has died."""

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import pytest
from PIL import Image

from tests import warm
from tests.conftest import free_port, search_app, started
from tests.observing.reading import Scraped

ASKED = 60
PATIENCE_S = 120


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[tuple[str, warm.Process]]:
    (tmp_path / "pictures").mkdir()
    Image.new("RGB", (64, 48), "red").save(tmp_path / "pictures" / "red.png")
    assert search_app("index", "pictures", cwd=tmp_path, env={"SEARCH_MODEL": "stub"}).status == 0
    port = free_port()
    command = ("serve", "--workers", 2, "--port", port)
    process = started("search_app", *command, cwd=tmp_path, env={"SEARCH_MODEL": "stub"})
    yield f"http://127.0.0.1:{port}", process
    process.terminate()
    assert process.wait(timeout=60) == 0


def ask(url: str, path: str) -> httpx.Response:
    """On a connection of its own, so that either process may be asked."""
    return httpx.get(f"{url}{path}", timeout=60)


def until_ready(url: str) -> None:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        try:
            if ask(url, "/readyz").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    pytest.fail("no worker came up")


def workers_of(process: warm.Process) -> list[psutil.Process]:
    """Processes that answer: children of the parent with a folder for counting, but not what they started."""
    return [child for child in psutil.Process(process.pid).children() if "spawn_main" in " ".join(child.cmdline())]


def test_counts_of_all_workers_are_summed_and_outlive_them(serving: tuple[str, warm.Process]) -> None:
    url, process = serving
    until_ready(url)
    with ThreadPoolExecutor(8) as pool:
        answers = pool.map(lambda number: ask(url, f"/search?query={number}"), range(ASKED))
        assert {one.status_code for one in answers} == {200}
    seen = [scraped(url) for _ in range(6)]
    assert {one.total("search_requests_total", route="/search") for one in seen} == {ASKED}
    assert {one.total("search_queries_total") for one in seen} == {ASKED}
    assert {one.total("search_requests_in_progress") for one in seen} == {1}
    assert {one.total("search_index_pictures") for one in seen} == {1}
    assert "pid=" not in seen[0].text
    assert "process_cpu" not in seen[0].text

    victim = workers_of(process)[0].pid
    os.kill(victim, signal.SIGKILL)
    end = time.monotonic() + PATIENCE_S
    while psutil.pid_exists(victim) and time.monotonic() < end:
        time.sleep(0.05)
    until_ready(url)
    after = scraped(url)
    assert after.total("search_requests_total", route="/search") == ASKED
    assert after.total("search_requests_in_progress") == 1


def scraped(url: str) -> Scraped:
    with httpx.Client(base_url=url, timeout=60) as client:
        return Scraped(client)
