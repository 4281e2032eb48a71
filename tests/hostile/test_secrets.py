"""No secret comes back or stands in a log: not in what runs here, not in errors, not where a setting is wrong."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from search_app.api.guarding.keys import Scope, new_key
from tests.conftest import clean_environment, free_port

KEY, LINE = new_key("ann", Scope.ADMIN)
SECRETS = {
    "QDRANT_API_KEY": "of-the-cluster-4711",
    "SEARCH_API_KEYS": LINE,
}
HIDDEN = ("of-the-cluster-4711", KEY, LINE.rpartition(":")[2])
ASKED = ["/info", "/readyz", "/search?query=car", "/images/1", "/judgements", "/openapi.json", "/nothing", "/"]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """`serve` with secrets, over no index; gives its address and its log."""
    home, port = tmp_path_factory.mktemp("secrets"), free_port()
    log = home / "log"
    with log.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "search_app", "serve", "--port", str(port)],
            cwd=home,
            env=clean_environment(SEARCH_MODEL="stub", **SECRETS),
            stdout=file,
            stderr=file,
        )
    url, end = f"http://127.0.0.1:{port}", time.monotonic() + 60
    while time.monotonic() < end and process.poll() is None:
        try:
            httpx.get(f"{url}/healthz")
            break
        except httpx.TransportError:
            time.sleep(0.05)
    yield url, log
    process.terminate()
    process.wait(30)


def test_no_secret_is_in_an_answer_or_in_the_log(running: tuple[str, Path]) -> None:
    url, log = running
    with httpx.Client(base_url=url, headers={"authorization": f"Bearer {KEY}"}, timeout=60) as client:
        for path in ASKED:
            answer = client.get(path, headers={"cookie": f"search_key={KEY}"})
            told = answer.text + str(answer.headers)
            assert [secret for secret in HIDDEN if secret in told] == [], path
        client.post("/session", json={"key": KEY, "more": 1})
        client.post("/session", json={"key": KEY})
    told = log.read_text()
    assert "GET /info" in told  # it is the log
    assert [secret for secret in HIDDEN if secret in told] == []


def test_what_is_asked_forges_no_line_of_the_log(running: tuple[str, Path]) -> None:
    url, log = running
    forged = 'x\r\nINFO:     [admin] 10.0.0.1:1 - "GET /forged HTTP/1.1" 200 OK\x1b[2J\u2028'
    client = httpx.Client(base_url=url, headers={"x-api-key": KEY})
    client.get("/search", params={"query": forged})
    client.get("/healthz", headers={"x-request-id": "a [admin] GET /forged", "x-forwarded-for": "9.9.9.9 /forged"})
    client.get("/%0d%0a/forged%1b%5b2J")
    client.close()
    lines = log.read_text().splitlines()
    assert any("GET /search" in line for line in lines)
    assert [line for line in lines if "\x1b" in line or "GET /forged" in line] == []
