"""Bulk loads to a server that fails, forgets, restarts: exactly once, nothing missing in silence."""

import threading
import time
from pathlib import Path

import pytest

from search_app.errors import IndexDamaged, IndexInUse, IndexUnavailable, VectorIndexError
from search_app.index.server.address import Address
from search_app.index.server.connection import connect
from search_app.index.server.store import ServerStore
from tests.containers.qdrant_stand_in import serving
from tests.faults.conftest import STEADY, fill
from tests.faults.loads import Loads
from tests.faults.plans import always
from tests.faults.proxy import Asked, faulty_proxy
from tests.index.points import FOLDER, SPEC, points
from tests.index.worlds import READ, WORDS_SPEC, words_point

ROUNDS = 2


def stored(server: str, name: str) -> list[int]:
    reader = ServerStore(server, name).reader()
    try:
        assert reader.count() == len([*reader.scan()])
        return [known.id for known in reader.scan()]
    finally:
        reader.close()


def is_upsert(asked: Asked) -> bool:
    return asked.method == "PUT" and asked.path.endswith("/points") and "batch" in asked.body


def test_rounds_of_loads_under_fire_lose_nothing(tmp_path: Path, server: str) -> None:
    loads = Loads(tmp_path, server, seed=11, pictures=30)
    for _ in range(ROUNDS):
        loads.round()
    assert loads.told.losses == []
    assert loads.told.faults.total() > 10


def test_a_command_that_is_killed_and_run_again_is_complete(tmp_path: Path, server: str) -> None:
    loads = Loads(tmp_path, server, seed=12, pictures=80)
    loads._killed(always("pass"), 26, rebuild=False)  # after a batch of 32 and before the next
    assert loads.told.kills == 1
    loads._loaded(always("pass"), rebuild=False)
    loads._check(0)
    assert loads.told.losses == []


def test_every_answer_may_be_lost_after_it_was_applied(server: str, name: str) -> None:
    lost: set[tuple[str, str]] = set()

    def fault(asked: Asked) -> str:
        """Lose the answer to the first request of each kind."""
        if (asked.method, asked.path) in lost:
            return "pass"
        lost.add((asked.method, asked.path))
        return "lose"

    with faulty_proxy(server, fault) as proxy:
        store = ServerStore(proxy.url, name, waits=(STEADY, STEADY))
        fill(store)
        with store.writer(SPEC, FOLDER) as writer:
            writer.delete([3])
            writer.open_words(WORDS_SPEC)
            writer.update_words([words_point(number, READ) for number in (1, 2)])
            assert writer.commit().count == 29
        with store.writer(SPEC, FOLDER, rebuild=True) as writer:
            writer.upsert(points(range(5, 9)))
            writer.commit()
        assert proxy.done["lose"] == len(lost) > 20
    assert stored(server, name) == [5, 6, 7, 8]


def test_points_that_the_server_forgets_once_are_sent_again(
    server: str, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    forgotten: list[int] = []

    def fault(asked: Asked) -> str:
        if is_upsert(asked) and not forgotten:
            forgotten.append(asked.number)
            return "forget"
        return "pass"

    with faulty_proxy(server, fault) as proxy:
        fill(ServerStore(proxy.url, name))
    assert "said it stored 15 changes, and did not: sent again" in caplog.text
    assert stored(server, name) == [*range(1, 31)]


def test_a_server_that_keeps_forgetting_ends_the_run_with_a_sentence(server: str, name: str) -> None:
    fill(ServerStore(server, name), range(1, 11))
    with faulty_proxy(server, lambda asked: "forget" if is_upsert(asked) else "pass") as proxy:
        store = ServerStore(proxy.url, name, waits=(STEADY, STEADY))
        with pytest.raises(
            VectorIndexError, match=r"said it stored 2 pictures .*\(ids 29, 30\).* run the same command again"
        ):
            fill(store, range(11, 31))
    fill(ServerStore(server, name), range(11, 31))
    assert stored(server, name) == [*range(1, 31)]


@pytest.mark.parametrize("what", ["upsert", "delete"])
def test_what_is_lost_between_a_batch_and_the_commit_is_not_committed(server: str, name: str, what: str) -> None:
    fill(ServerStore(server, name), range(1, 11))
    behind = connect(Address(server), 5)
    with ServerStore(server, name).writer(SPEC, FOLDER) as writer:
        if what == "upsert":
            writer.upsert(points(range(11, 21)))
            behind.delete(f"{name}__000001", [13, 17])
        else:
            gone = behind.retrieve(f"{name}__000001", [4], with_vectors=True)
            writer.delete([4])
            behind.upsert(f"{name}__000001", [vars_of(one) for one in gone])
        with pytest.raises(VectorIndexError, match=r"\(ids 13, 17\)" if what == "upsert" else r"\(ids 4\)"):
            writer.commit()
    behind.close()


def vars_of(record: object) -> object:
    from qdrant_client import models

    return models.PointStruct(id=record.id, vector=record.vector, payload=record.payload)  # type: ignore[attr-defined]


def test_points_lost_after_a_commit_are_noticed_by_the_next_run(
    server: str, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    fill(ServerStore(server, name))
    behind = connect(Address(server), 5)
    behind.delete(f"{name}__000001", [7])
    with ServerStore(server, name).writer(SPEC, FOLDER) as writer:
        assert "holds 29 of 30 pictures" in caplog.text
        assert (writer.commit().count, writer.manifest().generation) == (29, 2)
    behind.delete(f"{name}__000001", [0])
    with pytest.raises(IndexDamaged, match=r"without its manifest \(point 0\).*--rebuild"):
        ServerStore(server, name).writer(SPEC, FOLDER)
    behind.close()


def test_a_list_that_ends_too_early_is_not_taken_for_the_whole(server: str, name: str) -> None:
    fill(ServerStore(server, name))
    nothing = 'say:{"result":{"points":[],"next_page_offset":null},"status":"ok","time":0.0}'
    with (
        faulty_proxy(server, lambda asked: nothing if asked.path.endswith("/scroll") else "pass") as proxy,
        ServerStore(proxy.url, name).writer(SPEC, FOLDER) as writer,
        pytest.raises(IndexUnavailable, match="listed 0 of 30 pictures"),
    ):
        list(writer.scan())


def test_a_load_goes_on_when_the_server_is_started_again(tmp_path: Path, name: str) -> None:
    upserts: list[int] = []
    started: list[object] = []

    def restart() -> None:
        time.sleep(0.3)  # the time that nobody listens
        again = serving(str(tmp_path))
        proxy.target = again.__enter__()
        started.append(again)

    def fault(asked: Asked) -> str:
        if is_upsert(asked):
            upserts.append(asked.number)
            if len(upserts) == 2:
                first.__exit__(None, None, None)
                proxy.target = "http://127.0.0.1:9"
                threading.Thread(target=restart).start()
        return "pass"

    first = serving(str(tmp_path))
    with faulty_proxy(first.__enter__(), fault) as proxy:
        store = ServerStore(proxy.url, name, waits=(STEADY, STEADY))
        with store.writer(SPEC, FOLDER) as writer:
            for start in range(1, 41, 10):
                writer.upsert(points(range(start, start + 10)))
            assert writer.commit().count == 40
        assert len(upserts) > 4
        assert stored(proxy.target, name) == [*range(1, 41)]
    started[0].__exit__(None, None, None)  # type: ignore[attr-defined]


def test_a_lock_made_by_a_request_whose_answer_was_lost_is_ours(server: str, name: str) -> None:
    made: list[str] = []

    def fault(asked: Asked) -> str:
        if asked.method == "PUT" and asked.path.endswith("__writer") and not made:
            made.append(asked.path)
            return "lose"
        return "pass"

    with faulty_proxy(server, fault) as proxy:
        fill(ServerStore(proxy.url, name))
        assert not [path for method, path, _ in proxy.passed[:6] if method == "DELETE"]
    assert made


@pytest.mark.parametrize("how", ["taken", "gone"])
def test_a_writer_that_lost_its_lock_writes_nothing_more(server: str, name: str, how: str) -> None:
    behind = connect(Address(server), 5)
    with ServerStore(server, name).writer(SPEC, FOLDER) as writer:
        writer.upsert(points([1]))
        if how == "gone":
            behind.delete_collection(f"{name}__writer")
        else:
            behind.set_payload(f"{name}__writer", {"token": "another"}, points=[0])
        writer._work._lock._sure_until = 0.0  # as after half a minute without a beat
        with pytest.raises(IndexInUse, match="taken over"):
            writer.upsert(points([2]))
        assert [one.id for one in behind.scroll(f"{name}__000001")[0]] == [0, 1]
        if how == "taken":
            assert behind.retrieve(f"{name}__writer", [0])[0].payload["token"] == "another"
    behind.close()


def test_a_lock_of_another_machine_is_left_alone_under_faults(server: str, name: str) -> None:
    with ServerStore(server, name).writer(SPEC, FOLDER):
        behind = connect(Address(server), 5)
        behind.set_payload(f"{name}__writer", {"host": "another machine", "process": 7}, points=[0])
        behind.close()
        with (
            faulty_proxy(server, lambda asked: "pass" if asked.number % 2 else "503") as proxy,
            pytest.raises(IndexInUse, match="process 7 on another machine"),
        ):
            ServerStore(proxy.url, name, waits=(STEADY, STEADY)).writer(SPEC, FOLDER)
