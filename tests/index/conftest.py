"""The back ends that the contract runs over, each entered by its front door."""

import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from qdrant_client import QdrantClient

from search_app.index.base import IndexStore
from search_app.index.edge.store import EdgeStore
from search_app.index.memory.store import MemoryStore
from search_app.index.server.address import Address
from search_app.index.server.connection import connect
from search_app.index.server.store import ServerStore

# read now: the tests themselves run in a clean environment
REAL_SERVER = os.environ.get("QDRANT_URL", "")
REAL_SERVER_KEY = os.environ.get("QDRANT_API_KEY", "")
MakeStore = Callable[[], IndexStore]

LOCAL_MODE_WARNINGS = [
    pytest.mark.filterwarnings("ignore:Payload indexes have no effect:UserWarning"),
    pytest.mark.filterwarnings("ignore:Local mode performs exact:UserWarning"),
]


class SharedClient(QdrantClient):
    """qdrant-client's in-memory mode, whose data live as long as the client: closing is left to the test."""

    def close(self, grpc_grace: float | None = None, **kwargs: object) -> None:
        """Stay open for the next reader or writer."""


@pytest.fixture(
    params=[
        "memory",
        "edge",
        "edge_light",
        pytest.param("server", marks=LOCAL_MODE_WARNINGS),
        pytest.param("real_server", marks=pytest.mark.skipif(not REAL_SERVER, reason="QDRANT_URL names no server")),
    ]
)
def make_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MakeStore]:
    """Gives a store of one and the same collection at each call, as several processes would open it."""
    match request.param:
        case "memory":
            store = MemoryStore("images")
            yield lambda: store
        case "edge":
            yield lambda: EdgeStore(tmp_path / "storage", "images")
        case "edge_light":
            yield lambda: EdgeStore(tmp_path / "storage", "images").lightly()
        case "server":
            client = SharedClient(":memory:")
            yield lambda: ServerStore("memory", "images", make_client=lambda _: client)
        case "real_server":
            yield from on_real_server(REAL_SERVER, REAL_SERVER_KEY)


def on_real_server(url: str, key: str) -> Iterator[MakeStore]:
    """A collection of its own on a running server, removed afterwards."""
    name = f"test-{uuid.uuid4().hex[:12]}"
    yield lambda: ServerStore(url, name, key)
    client = connect(Address(url, key), 60)
    for collection in client.get_collections().collections:
        if collection.name.startswith(name):
            client.delete_collection(collection.name)
    client.close()
