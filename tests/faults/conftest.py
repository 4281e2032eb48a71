"""A stand-in server that works, for proxies that do not."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from search_app.index.server.reader import ServerReader
from search_app.index.server.retry import Patience
from search_app.index.server.store import ServerStore, Waiting
from tests.containers.qdrant_stand_in import serving
from tests.faults.proxy import Fault, Proxy, faulty_proxy
from tests.index.points import FOLDER, SPEC, points

QUICK = Waiting(1, Patience(1.5, 3, 0.005, 0.05))
"""Gives up soon, so that a test need not wait."""
STEADY = Waiting(1, Patience(20.0, first_delay_s=0.005, longest_delay_s=0.05))


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    with serving() as url:
        yield url


@pytest.fixture
def name() -> str:
    return f"faults-{uuid.uuid4().hex[:8]}"


def fill(store: ServerStore, ids: range = range(1, 31)) -> None:
    with store.writer(SPEC, FOLDER) as writer:
        writer.upsert(points(ids))
        writer.commit()


@pytest.fixture(scope="session")
def filled(server: str) -> tuple[str, str]:
    """A server and a collection on it that nobody changes."""
    fill(ServerStore(server, "filled"))
    return server, "filled"


@contextmanager
def reading(filled: tuple[str, str], fault: Fault) -> Iterator[tuple[Proxy, ServerReader]]:
    """A reader of a filled collection behind a proxy."""
    server, name = filled
    with faulty_proxy(server, fault) as proxy:
        reader = ServerStore(proxy.url, name, waits=(QUICK, QUICK)).reader()
        try:
            yield proxy, reader
        finally:
            reader.close()
