"""The HTTP application over a small world with known answers."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from search_app.api.app import create_app
from search_app.index.memory import MemoryStore
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
