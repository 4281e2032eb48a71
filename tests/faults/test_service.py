"""The service while its Qdrant server fails: alive, 503 in a bounded time, and back by itself."""

from collections.abc import Iterator

import httpx
import pytest

from search_app.encoders.stub import StubEncoder
from search_app.index.server.store import ServerStore
from search_app.ingest.pipeline import IngestOptions, run_ingest
from tests.conftest import Service, start_service
from tests.faults.proxy import Proxy, faulty_proxy
from tests.index.points import eventually
from tests.soak.world import World

BOUND_S = 20.0
"""The service waits 12 s for a server at most, and this machine may be slow."""
now = ["pass"]


@pytest.fixture(scope="module")
def service(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, Proxy]]:
    home = tmp_path_factory.mktemp("faults")
    world = World(home / "pictures", 5, 20)
    options = IngestOptions(10**6, 1)
    run_ingest(world.folder, StubEncoder(), ServerStore(server, "served"), options, lambda *_: None)
    with faulty_proxy(server, lambda _: now[0]) as proxy:
        settings = {"QDRANT_URL": proxy.url, "SEARCH_MODEL": "stub", "SEARCH_COLLECTION": "served"}
        started = start_service(home, settings)
        yield started, proxy
        now[0] = "pass"
        proxy.closing.set()
        assert "Traceback" not in started.stop()


@pytest.mark.parametrize("kind", ["503", "hang"])
def test_searches_end_in_503_while_the_server_fails_and_are_answered_when_it_is_back(
    service: tuple[Service, Proxy], kind: str
) -> None:
    started, proxy = service
    words = iter(range(10**6))

    def search() -> httpx.Response:
        return started.client.get("/search", params={"query": f"red {kind} {next(words)}"}, timeout=BOUND_S)

    now[0] = "pass"
    eventually(lambda: search().status_code == httpx.codes.OK)
    now[0] = kind
    eventually(lambda: search().status_code == httpx.codes.SERVICE_UNAVAILABLE)
    for path in ("/search?query=blue+" + kind, "/readyz", "/images/1", "/images/1/similar"):
        failed = started.client.get(path, timeout=BOUND_S)
        assert failed.status_code == httpx.codes.SERVICE_UNAVAILABLE
        assert failed.headers["content-type"] == "application/problem+json"
        assert int(failed.headers["retry-after"]) > 0
        assert proxy.url in failed.json()["detail"]
        assert started.client.get("/healthz", timeout=BOUND_S).status_code == httpx.codes.OK
    assert started.client.get("/info", timeout=BOUND_S).status_code == httpx.codes.OK
    now[0] = "pass"
    eventually(lambda: search().status_code == httpx.codes.OK)
    eventually(lambda: started.client.get("/readyz").status_code == httpx.codes.OK)
