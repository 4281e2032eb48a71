"""Over capacity: who finds a full queue is told so at once, and who was let in is answered. No clock has a say."""

import threading
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path

import anyio
import httpx
import pytest

from search_app.api import app as application
from search_app.api.app import create_app
from search_app.api.guarding.guard import Guard
from search_app.api.turns import Turns
from search_app.datatypes import FloatMatrix
from search_app.index.memory.store import MemoryStore
from search_app.search.service import SearchService
from tests.search.colours import ColourEncoder, index_pictures

AT_ONCE, WAITING = 2, 3
ASKED = [
    ("GET", "/search?query=blue", None),
    ("POST", "/search", {"query": "blue"}),
    ("POST", "/search/batch", {"queries": [{"query": "blue"}]}),
    ("GET", "/images/1/similar", None),
    ("GET", "/images/1/explain?query=blue", None),
    ("POST", "/images/1/explain", {"query": "blue"}),
]


class Held(ColourEncoder):
    """Encodes nothing until it may."""

    def __init__(self) -> None:
        super().__init__()
        self.go, self.begun = threading.Event(), threading.Semaphore(0)

    def encode_texts(self, texts: Sequence[str]) -> FloatMatrix:
        self.begun.release()
        assert self.go.wait(30)
        return super().encode_texts(texts)


Crowded = Callable[[httpx.AsyncClient], Awaitable[None]]


def with_a_full_house(tmp_path: Path, encoder: Held, then: Crowded) -> list[int]:
    """Ask as much as is let in, do `then` while all of it waits, let it go; gives the statuses of what was let in."""
    store = MemoryStore("colours")
    index_pictures(store, tmp_path)
    guard = Guard(waiting=WAITING)
    app = create_app(lambda: SearchService(encoder, store.reader()), open_guard=lambda: guard)
    statuses: list[int] = []

    async def ask(client: httpx.AsyncClient, number: int) -> None:
        statuses.append((await client.get(f"/search?query=red {number}")).status_code)

    async def crowd() -> None:
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://t") as client,
        ):
            async with anyio.create_task_group() as crowd:
                for number in range(AT_ONCE + WAITING):
                    crowd.start_soon(ask, client, number)
                for _ in range(AT_ONCE):
                    await anyio.to_thread.run_sync(encoder.begun.acquire)
                await anyio.wait_all_tasks_blocked()
                try:
                    await then(client)
                finally:
                    encoder.go.set()
            assert (await client.get("/search?query=red again")).status_code == 200

    anyio.run(crowd)
    return statuses


@pytest.fixture(autouse=True)
def _few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(application, "SEARCHES_AT_ONCE", AT_ONCE)


def test_who_finds_a_full_queue_is_told_when_to_come_again_and_the_others_are_answered(tmp_path: Path) -> None:
    encoder = Held()

    async def refused(client: httpx.AsyncClient) -> None:
        for method, path, body in ASKED:
            answer = await client.request(method, path, json=body)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "1"), path
            assert answer.headers["content-type"] == "application/problem+json"
        for path in ("/healthz", "/", "/info"):
            assert (await client.get(path)).status_code == 200, path
        assert not encoder.begun.acquire(blocking=False)  # what was refused has cost no model

    assert with_a_full_house(tmp_path, encoder, refused) == [200] * (AT_ONCE + WAITING)


def test_what_was_answered_before_is_answered_from_memory_though_the_house_is_full(tmp_path: Path) -> None:
    encoder = Held()
    encoder.go.set()
    encoder.begun = threading.Semaphore(AT_ONCE)
    store = MemoryStore("colours")
    index_pictures(store, tmp_path)
    app = create_app(lambda: SearchService(encoder, store.reader()))

    async def ask() -> None:
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://t") as client,
        ):
            before = await client.get("/search?query=red")
            app.state.turns._in_house = 10**6
            again = await client.get("/search?query=red")
            other = await client.get("/search?query=blue")
        assert (before.status_code, again.status_code, other.status_code) == (200, 200, 503)
        assert again.content == before.content

    anyio.run(ask)


def test_a_batch_takes_a_turn_for_each_of_its_queries(tmp_path: Path) -> None:
    """So that one with many queries does not make single ones wait for all of them."""
    encoder = Held()
    encoder.go.set()
    store = MemoryStore("colours")
    index_pictures(store, tmp_path)
    app = create_app(lambda: SearchService(encoder, store.reader()))
    order: list[str] = []

    async def ask() -> None:
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://t") as client,
        ):
            app.state.turns = Turns(1, 10)

            async def noted(name: str, call: Callable[[], Awaitable[httpx.Response]]) -> None:
                assert (await call()).status_code == 200
                order.append(name)

            queries = {"queries": [{"query": f"red {number}"} for number in range(8)]}
            async with anyio.create_task_group() as both:
                both.start_soon(noted, "batch", partial(client.post, "/search/batch", json=queries))
                both.start_soon(noted, "single", partial(client.get, "/search?query=blue"))

    anyio.run(ask)
    assert order == ["single", "batch"]


def test_by_default_twice_as_many_wait_as_run() -> None:
    assert Turns(4)._most == 12
    assert Turns(4, 1)._most == 5
