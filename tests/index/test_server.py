"""What the server adapter must do beyond the contract: over real HTTP, with faults, shared by several machines.

The server is qdrant-client's local mode behind Qdrant's REST interface; the contract itself also runs against a
real server where `QDRANT_URL` names one.
"""

import os
import socket
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from search_app.errors import IndexInUse, IndexUnavailable, VectorIndexError
from search_app.index.fields import INDEXES
from search_app.index.server.address import Address
from search_app.index.server.engine import ServerEngine
from search_app.index.server.lock import ServerLock
from search_app.index.server.retry import Patience
from search_app.index.server.store import ServerStore
from tests.containers.qdrant_stand_in import serving
from tests.faults.plans import always
from tests.faults.proxy import Asked, faulty_proxy
from tests.index.conftest import LOCAL_MODE_WARNINGS, SharedClient
from tests.index.points import FOLDER, OTHER, SPEC, ids_of, points, query

pytestmark = LOCAL_MODE_WARNINGS


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving() as address:
        yield address


def shared_client() -> tuple[SharedClient, ServerStore]:
    client = SharedClient(":memory:")
    return client, ServerStore("memory", "images", make_client=lambda _: client)


def names(client: SharedClient) -> set[str]:
    return {one.name for one in client.get_collections().collections}


def fill(store: ServerStore, ids: range = range(1, 31)) -> None:
    with store.writer(SPEC, FOLDER) as writer:
        writer.upsert(points(ids))
        writer.commit()


def test_a_collection_lives_through_a_server_that_fails_now_and_then(url: str) -> None:
    def fault(asked: Asked) -> str:
        return {2: "drop", 5: "503"}.get(asked.number % 7, "pass")

    with faulty_proxy(url, fault) as proxy:
        store = ServerStore(proxy.url, "flaky")
        fill(store)
        with store.writer(SPEC, FOLDER) as writer:
            writer.delete([3])
            writer.upsert(points(range(31, 40)))
            assert writer.commit().count == 38
        reader = store.reader()
        for number in (1, 17, 39):
            assert ids_of(reader.search([query(number, 1)])[0]) == [number]
        assert [known.id for known in reader.scan()] == [1, 2, *range(4, 40)]
        reader.close()
        assert proxy.refused > 10


def test_the_graph_is_built_after_the_bulk_load_and_before_it_is_shown(url: str) -> None:
    with faulty_proxy(url, always("pass")) as proxy:
        fill(ServerStore(proxy.url, "bulk"))
    made = [(path, body) for method, path, body in proxy.passed if method == "PUT" and path.endswith("/bulk__000001")]
    assert [body["optimizers_config"]["indexing_threshold"] for _, body in made] == [0]
    order = [f"{method} {path.rsplit('/', 1)[1]}" for method, path, _ in proxy.passed]
    restored = next(body for method, _, body in proxy.passed if method == "PATCH")
    assert restored["optimizers_config"]["indexing_threshold"] == 20_000
    assert order.index("PUT points") < order.index("PATCH bulk__000001") < order.index("POST aliases")
    indexed = {body["field_name"] for _, path, body in proxy.passed if path.endswith("/index")}
    assert indexed == {"path", "content_hash", *INDEXES}


def test_a_server_that_is_not_there_is_said_plainly() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{unused.getsockname()[1]}"
        reader = ServerStore(address, "images").reader()
        with pytest.raises(IndexUnavailable, match=rf"{address} does not answer .*QDRANT_URL"):
            reader.manifest()
        reader.close()


def test_a_later_run_changes_the_collection_in_place_and_a_rebuild_moves_the_alias() -> None:
    client, store = shared_client()
    fill(store)
    fill(store, range(31, 33))
    assert names(client) == {"images__000001"}
    with store.writer(OTHER, FOLDER, rebuild=True) as writer:
        writer.upsert(points(range(33, 36)))
        assert names(client) == {"images__000001", "images__000002", "images__writer"}
        writer.commit()
    assert names(client) == {"images__000001", "images__000002"}
    with store.writer(OTHER, FOLDER) as writer:
        writer.upsert(points([36]))
        writer.commit()
    assert names(client) == {"images__000002"}


def test_a_reader_that_knows_a_removed_collection_finds_the_new_one() -> None:
    _, store = shared_client()
    fill(store)
    reader = store.reader()
    assert reader.count() == 30
    for ids in (range(31, 33), range(33, 35)):
        with store.writer(SPEC, FOLDER, rebuild=True) as writer:
            writer.upsert(points(ids))
            writer.commit()
    assert ids_of(reader.search([query(34, 1)])[0]) == [34]
    reader.close()


def test_uncommitted_changes_in_place_make_the_next_commit_a_new_generation() -> None:
    _, store = shared_client()
    fill(store)
    with store.writer(SPEC, FOLDER) as writer:
        writer.upsert(points([31]))
    with store.writer(SPEC, FOLDER) as writer:
        assert writer.manifest().next_id == 32
        assert (writer.commit().generation, writer.manifest().count) == (2, 31)


HERE = socket.gethostname()


@pytest.mark.parametrize(
    ("host", "process", "silent_s", "taken"),
    [
        (HERE, 999_999_999, 0, True),
        (HERE, os.getpid(), 0, True),
        (HERE, os.getppid(), 0, False),
        (HERE, os.getppid(), 220, True),
        ("another machine", 7, 60, False),
        ("another machine", 7, 220, True),
    ],
    ids=["nobody's", "its own", "a living one's", "a silent one's", "another machine's", "a silent machine's"],
)
def test_the_lock_of_a_dead_writer_is_taken_over(host: str, process: int, silent_s: float, taken: bool) -> None:
    client, store = shared_client()
    engine = ServerEngine(client, Address("memory"), Patience(1.0))
    assert engine.create_marked("images__writer", {})
    left = {"token": "left", "host": host, "process": process, "beat": time.time() - silent_s}
    engine.write_head("images__writer", left)
    if taken:
        fill(store)
        assert names(client) == {"images__000001"}
    else:
        with pytest.raises(IndexInUse, match=f"process {process} on {host}"):
            store.writer(SPEC, FOLDER)
        assert engine.read_head("images__writer") == left


def test_a_lock_that_was_made_just_now_is_not_taken_for_that_of_a_dead_thread() -> None:
    class Interrupted(ServerEngine):
        """Another thread of the same process asks for the lock between its making and its signing."""

        def create_marked(self, name: str, mark: Mapping[str, Any]) -> bool:
            made = super().create_marked(name, mark)
            with pytest.raises(IndexInUse, match=f"process {os.getpid()}"):
                ServerLock(ServerEngine(client, Address("memory"), Patience(1.0)), "images")
            return made

    client, _ = shared_client()
    ServerLock(Interrupted(client, Address("memory"), Patience(1.0)), "images").release()
    assert names(client) == set()
    ServerLock(ServerEngine(client, Address("memory"), Patience(1.0)), "images").release()


def test_a_writer_that_was_taken_over_stops() -> None:
    client, store = shared_client()
    with store.writer(SPEC, FOLDER) as writer:
        writer.upsert(points([1]))
        ServerEngine(client, Address("memory"), Patience(1.0)).write_head("images__writer", {"token": "another"})
        with pytest.raises(IndexInUse, match="taken over"):
            writer.commit()
    assert names(client) == {"images__000001", "images__writer"}


def test_only_transient_failures_are_tried_again() -> None:
    tries: list[int] = []

    def fail() -> None:
        tries.append(1)
        raise OSError("no")

    with pytest.raises(OSError, match="no"):
        Patience(9.0, 4, 0.001, 0.002).retry(fail, lambda _: 0.0)
    assert len(tries) == 4
    with pytest.raises(OSError, match="no"):
        Patience(9.0).retry(fail, lambda _: None)
    assert len(tries) == 5


def test_a_collection_of_another_program_is_not_touched() -> None:
    client, store = shared_client()
    client.create_collection("images", vectors_config={})
    with store.writer(SPEC, FOLDER) as writer:
        writer.upsert(points([1]))
        with pytest.raises(VectorIndexError, match="refuses"):
            writer.commit()
    assert "images" in names(client)
