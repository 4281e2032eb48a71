"""The HTTP application over a small world with known answers."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from search_app.api.app import create_app
from search_app.api.guarding.guard import Guard
from search_app.index.memory.store import MemoryStore
from search_app.judgements.store import JudgementStore
from search_app.search.service import SearchService
from tests.search.colours import ColourEncoder, open_colours


def open_client(folder: Path) -> TestClient:
    return TestClient(create_app(lambda: open_colours(folder, max_limit=50)[0]))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder `client` serves; not to be changed."""
    return tmp_path_factory.mktemp("world") / "pictures"


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[TestClient]:
    """A client of a service that has an index; an exception inside the service fails the test."""
    with open_client(folder) as client:
        yield client


@pytest.fixture
def own_client(tmp_path: Path) -> Iterator[TestClient]:
    """The same for one test alone, which may change the pictures in `tmp_path / "pictures"`."""
    with open_client(tmp_path / "pictures") as client:
        yield client


@pytest.fixture
def empty_store() -> MemoryStore:
    return MemoryStore("empty")


@pytest.fixture
def empty_client(empty_store: MemoryStore) -> Iterator[TestClient]:
    """A client of a service that has no index yet."""
    with TestClient(create_app(lambda: SearchService(ColourEncoder(), empty_store.reader()))) as client:
        yield client


Opened = Callable[..., TestClient]
"""From a guard, by default one that lets everybody in, to a client of what stands behind it."""


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opened]:
    """Opens the world of colours, with a store of judgements, behind a guard."""
    clients: list[TestClient] = []

    def open_one(guard: Guard | None = None) -> TestClient:
        home = tmp_path / f"opened-{len(clients)}"
        store = JudgementStore(home, str)
        service = partial(open_colours, home / "pictures", max_limit=50)
        app = create_app(lambda: service()[0], lambda: store, open_guard=lambda: guard or Guard())
        clients.append(TestClient(app).__enter__())
        return clients[-1]

    yield open_one
    for client in clients:
        client.__exit__()
