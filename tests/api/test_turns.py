"""Searches wait for their turn, and what nobody waits for any more is not begun."""

import asyncio
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from search_app.api.app import SEARCHES_AT_ONCE, create_app
from search_app.datatypes import FloatMatrix
from search_app.index.memory.store import MemoryStore
from search_app.search.service import SearchService
from tests.search.colours import ColourEncoder, index_pictures

HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"16")]


class Crowded(ColourEncoder):
    """Counts how many texts are encoded at the same time at most."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.most = 0
        self._lock = threading.Lock()

    def encode_texts(self, texts: Sequence[str]) -> FloatMatrix:
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)
        time.sleep(0.02)
        with self._lock:
            self.now -= 1
        return super().encode_texts(texts)


@pytest.fixture
def encoder() -> Crowded:
    return Crowded()


@pytest.fixture
def app(encoder: Crowded, tmp_path: Path) -> FastAPI:
    store = MemoryStore("colours")
    index_pictures(store, tmp_path)
    return create_app(lambda: SearchService(encoder, store.reader()))


def test_many_at_once_are_all_answered_some_at_a_time(app: FastAPI, encoder: Crowded) -> None:
    questions = [f"/search?query=red {number}" for number in range(40)]
    with TestClient(app) as client, ThreadPoolExecutor(2 * SEARCHES_AT_ONCE) as pool:
        answers = list(pool.map(client.get, questions))
    assert {answer.status_code for answer in answers} == {200}
    assert encoder.encoded == 40
    assert 1 < encoder.most <= SEARCHES_AT_ONCE


def scope(method: str, app: FastAPI) -> dict[str, Any]:
    return {
        "type": "http",
        "method": method,
        "path": "/search",
        "raw_path": b"/search",
        "root_path": "",
        "query_string": b"query=red" if method == "GET" else b"",
        "headers": HEADERS if method == "POST" else [],
        "http_version": "1.1",
        "scheme": "http",
        "server": ("localhost", 80),
        "client": ("localhost", 1),
        "state": {},
    }


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_search_is_not_begun_for_a_client_that_has_gone(app: FastAPI, encoder: Crowded, method: str) -> None:
    body = {"type": "http.request", "body": b'{"query": "red"}', "more_body": False}
    waiting = [body] if method == "POST" else []
    sent: list[Any] = []

    async def receive() -> Any:
        return waiting.pop(0) if waiting else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    with TestClient(app):
        asyncio.run(app(scope(method, app), receive, send))
    assert (encoder.encoded, sent[0]["status"]) == (0, 400)


def test_a_client_that_goes_while_its_body_is_read_is_no_bug(app: FastAPI, encoder: Crowded) -> None:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    with TestClient(app):
        asyncio.run(app(scope("POST", app), receive, send))
    assert (encoder.encoded, sent[0]["status"]) == (0, 400)
