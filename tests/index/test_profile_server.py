"""A profile against Qdrant's interface: each setting is in the requests that really go out."""

import logging
import re
import threading
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from search_app.cli.program import main
from search_app.errors import IndexUnavailable, VectorIndexError
from search_app.index.edge.store import EdgeStore
from search_app.index.profile import DEFAULT, Profile
from search_app.index.profile_file import read_profile
from search_app.index.server.lanes import Lanes
from search_app.index.server.store import ServerStore
from tests.containers.qdrant_stand_in import serving
from tests.faults.conftest import QUICK, STEADY
from tests.faults.plans import always
from tests.faults.proxy import Asked, Proxy, faulty_proxy
from tests.index.conftest import LOCAL_MODE_WARNINGS
from tests.index.points import FOLDER, SPEC, ids_of, points, query

pytestmark = LOCAL_MODE_WARNINGS


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with serving() as url:
        yield url


@pytest.fixture
def name() -> str:
    return f"profile-{uuid.uuid4().hex[:8]}"


def store_of(proxy: Proxy, name: str, profile: Profile) -> ServerStore:
    return ServerStore(proxy.url, name, waits=(STEADY, STEADY)).with_profile(profile)


def fill(store: ServerStore, ids: range = range(1, 31), *, rebuild: bool = False) -> None:
    with store.writer(SPEC, FOLDER, rebuild=rebuild) as writer:
        writer.upsert(points(ids))
        writer.commit()


def made(proxy: Proxy, name: str) -> dict[str, Any]:
    """What the collection of the vectors was made with, without what was not said."""
    place = ("PUT", f"/collections/{name}__000001")
    body, *again = [body for method, path, body in proxy.passed if (method, path) == place]
    assert again == [body] * len(again), "a request whose answer is late is sent once more, as it was"
    return spoken(body)


def spoken(body: Any) -> Any:
    if isinstance(body, dict):
        return {key: spoken(value) for key, value in body.items() if value is not None}
    return body


def test_the_default_profile_asks_for_what_was_asked_for_before_there_were_any(server: str, name: str) -> None:
    with faulty_proxy(server, always("pass")) as proxy:
        fill(store_of(proxy, name, DEFAULT))
        assert made(proxy, name) == {
            "vectors": {"image": {"size": 8, "distance": "Cosine"}},
            "hnsw_config": {"m": 32, "ef_construct": 200, "full_scan_threshold": 31},
            "quantization_config": {"scalar": {"type": "int8", "quantile": 0.99}},
            "optimizers_config": {"indexing_threshold": 0},
        }
        lock = [body for method, path, body in proxy.passed if method == "PUT" and path.endswith("__writer")]
        assert spoken(lock[0]).keys() == {"vectors", "metadata"}
        assert not [path for path in proxy.targets if "consistency" in path]


def test_every_setting_of_a_profile_goes_out(server: str, name: str) -> None:
    profile = read_profile("huge").model_copy(update={"tenant": "customer"})
    with faulty_proxy(server, always("pass")) as proxy:
        fill(store_of(proxy, name, profile))
        assert made(proxy, name) == {
            "vectors": {"image": {"size": 8, "distance": "Cosine", "on_disk": True, "datatype": "float16"}},
            "hnsw_config": {"m": 16, "ef_construct": 200, "full_scan_threshold": 31},
            "quantization_config": {"turbo": {"always_ram": True, "bits": "bits4"}},
            "optimizers_config": {"indexing_threshold": 0, "max_segment_size": 5_000_000},
            "on_disk_payload": True,
            "shard_number": 12,
            "replication_factor": 2,
            "write_consistency_factor": 1,
            "strict_mode_config": {
                "enabled": True,
                "max_query_limit": 20_000,
                "search_max_hnsw_ef": 2_000,
                "search_max_oversampling": 10_000.0,
                "search_max_batchsize": 1_000,
                "upsert_max_batchsize": 10_000,
                "unindexed_filtering_retrieve": False,
            },
        }
        lock = [body for method, path, body in proxy.passed if method == "PUT" and path.endswith("__writer")]
        assert spoken(lock[0])["replication_factor"] == 2


@pytest.mark.parametrize(
    ("text", "where", "expected"),
    [
        ({"hnsw": {"on_disk": True}}, ("hnsw_config", "on_disk"), True),
        ({"hnsw": {"m": 0, "payload_m": 16}, "tenant": "who"}, ("hnsw_config", "payload_m"), 16),
        ({"quantization": {"method": "none"}}, ("quantization_config",), None),
        ({"quantization": {"method": "binary", "bits": 2}}, ("quantization_config", "binary", "encoding"), "two_bits"),
        ({"quantization": {"method": "turbo", "bits": 1.5}}, ("quantization_config", "turbo", "bits"), "bits1_5"),
        ({"quantization": {"quantile": 0.9}}, ("quantization_config", "scalar", "quantile"), 0.9),
        ({"quantization": {"always_ram": True}}, ("quantization_config", "scalar", "always_ram"), True),
        ({"payload": {"on_disk": False}}, ("on_disk_payload",), False),
        ({"strict_mode": {"read_rate_limit": 60}}, ("strict_mode_config", "read_rate_limit"), 60),
        ({"optimizers": {"default_segment_number": 2}}, ("optimizers_config", "default_segment_number"), 2),
    ],
    ids=lambda value: ".".join(value) if isinstance(value, tuple) else "",
)
def test_a_setting_goes_out_alone(
    server: str, name: str, text: dict[str, Any], where: tuple[str, ...], expected: object
) -> None:
    with faulty_proxy(server, always("pass")) as proxy:
        fill(store_of(proxy, name, Profile.model_validate(text)))
        found: Any = made(proxy, name)
        for key in where:
            found = found.get(key) if found is not None else None
        assert found == expected


def test_a_tenant_s_field_is_indexed_as_one(server: str, name: str) -> None:
    profile = Profile.model_validate({"tenant": "customer", "hnsw": {"payload_m": 8}})
    with faulty_proxy(server, always("pass")) as proxy:
        with store_of(proxy, name, profile).writer(SPEC, FOLDER) as writer:
            [point] = points([1])
            writer.upsert([replace(point, picture=replace(point.picture, meta={"customer": "ann", "shop": "b"}))])
            writer.commit()
        schemas = {
            body["field_name"]: body["field_schema"] for _, path, body in proxy.passed if path.endswith("/index")
        }
        assert spoken(schemas["meta_text.customer"]) == {"type": "keyword", "is_tenant": True}
        assert schemas["meta_text.shop"] == "keyword"


def test_searches_go_by_the_profile_s_numbers(server: str, name: str) -> None:
    profile = Profile.model_validate({"hnsw": {"ef": 77}, "quantization": {"rescored": 40}})
    with faulty_proxy(server, always("pass")) as proxy:
        store = store_of(proxy, name, profile)
        fill(store)
        reader = store.reader()
        assert ids_of(reader.search([query(3, limit=5)])[0])[0] == 3
        reader.close()
        [asked] = [body["searches"] for _, path, body in proxy.passed if path.endswith("/query/batch")]
        depth = asked[0]["limit"]
        assert asked[0]["params"]["hnsw_ef"] == 77
        assert asked[0]["params"]["quantization"] == {"ignore": False, "rescore": True, "oversampling": 40 / depth}


def test_readers_ask_as_many_copies_as_they_are_told_to_and_writers_all(server: str, name: str) -> None:
    profile = Profile.model_validate({"cluster": {"replication_factor": 3, "read_consistency": "majority"}})
    with faulty_proxy(server, always("pass")) as proxy:
        store = store_of(proxy, name, profile)
        fill(store)
        written = [path for path in proxy.targets if "consistency=" in path]
        assert written
        assert {re.search(r"consistency=(\w+)", path)[1] for path in written} == {"all"}  # type: ignore[index]
        begun = len(proxy.targets)
        reader = store.reader()
        reader.search([query(3)])
        reader.fetch([3])
        reader.facet("format")
        reader.close()
        read = proxy.targets[begun:]
        told = [re.search(r"consistency=(\w+)", path) for path in read if "/points" in path or "/facet" in path]
        assert {one[1] if one else "" for one in told} == {"majority"}


def at_once(profile: Profile, server: str, name: str) -> tuple[int, list[int]]:
    """The most batches under way at a time while 40 points are sent ten at a time, and what is stored then."""
    under_way, most, lock, full = 0, 0, threading.Lock(), threading.Event()

    def fault(asked: Asked) -> str:
        nonlocal under_way, most
        if asked.method == "PUT" and asked.path.endswith("/points") and "batch" in asked.body:
            with lock:
                under_way += 1
                most = max(most, under_way)
                if under_way == profile.upload.parallel:
                    full.set()
            full.wait(60)
            with lock:
                under_way -= 1
        return "pass"

    with faulty_proxy(server, fault) as proxy:
        store = ServerStore(proxy.url, name).with_profile(profile)
        with store.writer(SPEC, FOLDER) as writer:
            writer.upsert(points(range(1, 41)))
            assert [one.id for one in writer.scan()] == [*range(1, 41)]
            assert writer.commit().count == 40
        reader = store.reader()
        stored = [one.id for one in reader.scan()]
        reader.close()
    return most, stored


def test_so_many_requests_are_under_way_at_once_and_no_more(server: str, name: str) -> None:
    profile = Profile.model_validate({"upload": {"parallel": 3, "batch_size": 10}})
    assert at_once(profile, server, name) == (3, [*range(1, 41)])
    assert at_once(Profile.model_validate({"upload": {"batch_size": 10}}), server, f"{name}-one")[0] == 1


def test_what_fails_on_a_lane_ends_the_run(server: str, name: str) -> None:
    def fault(asked: Asked) -> str:
        is_batch = asked.method == "PUT" and asked.path.endswith("/points") and "batch" in asked.body
        return (
            'tell:400 {"status":{"error":"Wrong input: no"}}'
            if is_batch and 17 in asked.body["batch"]["ids"]
            else "pass"
        )

    profile = Profile.model_validate({"upload": {"parallel": 2, "batch_size": 10}})
    with faulty_proxy(server, fault) as proxy, pytest.raises(VectorIndexError, match="Wrong input: no"):
        fill(store_of(proxy, name, profile), range(1, 41))
    fill(ServerStore(server, name), range(1, 41))


def test_jobs_that_change_one_point_run_in_the_order_they_came() -> None:
    done: list[int] = []
    first, begun = threading.Event(), threading.Event()
    lanes = Lanes(3)

    def slow() -> None:
        begun.set()
        first.wait(60)
        done.append(1)

    lanes.put([7], slow)
    lanes.put([8], lambda: done.append(8))
    assert begun.wait(60)
    threading.Timer(0.05, first.set).start()
    lanes.put([7], lambda: done.append(2))
    lanes.settle()
    lanes.close()
    assert done.index(1) < done.index(2)
    assert sorted(done) == [1, 2, 8]


HELP = '{"status":{"error":"%s"}}'


@pytest.mark.parametrize(
    ("answer", "said", "kind"),
    [
        (
            "tell:400 " + HELP % 'Limit exceeded 512 > 100 for \\"hnsw_ef\\". Help: Reduce the \\"hnsw_ef\\" parameter',
            r"keeps the limits of this collection's strict mode \(.*hnsw_ef.*\): ask for less, or raise",
            VectorIndexError,
        ),
        (
            "tell:403 " + HELP % "Forbidden: Exact search disabled!. Help: Set exact=false.",
            "keeps the limits of this collection's strict mode",
            VectorIndexError,
        ),
        (
            "tell:429 " + HELP % "Read rate limit exceeded, retry later",
            "is asked more often than the collection's strict mode allows",
            IndexUnavailable,
        ),
    ],
    ids=["limit", "before-1.14", "rate"],
)
def test_strict_mode_is_told_as_what_it_is(
    server: str, name: str, answer: str, said: str, kind: type[VectorIndexError]
) -> None:
    fill(ServerStore(server, name))

    def fault(asked: Asked) -> str:
        return answer if asked.path.endswith("/query/batch") else "pass"

    with faulty_proxy(server, fault) as proxy:
        reader = ServerStore(proxy.url, name, waits=(QUICK, QUICK)).reader()
        with pytest.raises(kind, match=said) as told:
            reader.search([query(3)])
        assert "QDRANT_API_KEY" not in str(told.value)
        assert type(told.value) is kind
        reader.close()


def told_by(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was said of settings."""
    return [record.getMessage() for record in caplog.records if record.name == "search_app.index.kept"]


def test_a_collection_keeps_its_settings_and_the_difference_is_told(
    server: str, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    fill(ServerStore(server, name))
    other = Profile.model_validate({"hnsw": {"m": 16}})
    with faulty_proxy(server, always("pass")) as proxy:
        fill(store_of(proxy, name, other), range(1, 40))
        assert not [
            path for method, path, _ in proxy.passed if (method, path) == ("PUT", f"/collections/{name}__000002")
        ]
    assert "keeps the settings it was made with" in caplog.text
    assert "(hnsw.m is 32, not 16): to make it anew with those, index with --rebuild" in caplog.text
    caplog.clear()
    changed = ServerStore(server, name).with_profile(other)
    fill(changed, rebuild=True)
    fill(changed, range(1, 40))
    assert told_by(caplog) == []
    reader = changed.reader()
    assert reader.manifest().made_with == '{"hnsw": {"m": 16}}'
    reader.close()


def test_an_interrupted_rebuild_with_other_settings_is_begun_anew(server: str, name: str) -> None:
    fill(ServerStore(server, name))
    with ServerStore(server, name).writer(SPEC, FOLDER, rebuild=True) as writer:
        writer.upsert(points(range(1, 5)))
    other = ServerStore(server, name).with_profile(Profile.model_validate({"hnsw": {"m": 16}}))
    with other.writer(SPEC, FOLDER, rebuild=True) as writer:
        assert list(writer.scan()) == []
        writer.upsert(points(range(1, 9)))
        writer.commit()


def test_a_collection_of_one_machine_moves_to_a_cluster(
    server: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with EdgeStore(tmp_path, name).writer(SPEC, FOLDER) as writer:
        writer.upsert(points(range(1, 31)))
        writer.commit()
    monkeypatch.setenv("SEARCH_PROFILE", "cluster")
    with faulty_proxy(server, always("pass")) as proxy:
        assert main(["migrate", "--from", f"edge:{tmp_path}#{name}", "--to", f"{proxy.url}#{name}"]) == 0
        assert made(proxy, name)["shard_number"] == 6
    reader = ServerStore(server, name).reader()
    assert reader.count() == 30
    reader.close()


def test_faults_and_lanes_together_lose_nothing(server: str, name: str) -> None:
    seen: set[int] = set()

    def fault(asked: Asked) -> str:
        is_batch = asked.method == "PUT" and asked.path.endswith("/points") and "batch" in asked.body
        if is_batch and asked.body["batch"]["ids"][0] not in seen:
            seen.add(asked.body["batch"]["ids"][0])
            return ("lose", "503", "drop", "forget")[len(seen) % 4]
        return "pass"

    profile = Profile.model_validate({"upload": {"parallel": 4, "batch_size": 5}})
    with faulty_proxy(server, fault) as proxy:
        store = ServerStore(proxy.url, name, waits=(STEADY, STEADY)).with_profile(profile)
        fill(store, range(1, 81))
        reader = store.reader()
        assert [one.id for one in reader.scan()] == [*range(1, 81)]
        reader.close()
