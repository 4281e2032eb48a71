"""What stands around the routes: other sites, names, rates, sizes, headers, ids; each through the front door."""

import json
import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import anyio
import httpx
import pytest
from anyio import to_thread
from fastapi.testclient import TestClient

from search_app.api.app import create_app
from search_app.api.guarding import bodies, gate
from search_app.api.guarding.guard import Guard
from search_app.api.guarding.keys import KeyRing, Scope, new_key
from search_app.api.guarding.rates import Rates, client_of
from search_app.api.guarding.request_ids import WithRequestId
from search_app.errors import SettingsError
from search_app.judgements.store import JudgementStore
from search_app.settings import load_settings
from search_app.wiring_http import open_guard
from tests.api.conftest import Opened
from tests.api.test_search import assert_problem
from tests.search.colours import open_colours

JSON = {"content-type": "application/json"}
STRANGE = "https://strange.example"


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """The same with no rules at all."""
    home = tmp_path_factory.mktemp("plain")
    store = JudgementStore(home, str)
    with TestClient(create_app(lambda: open_colours(home / "pictures", max_limit=50)[0], lambda: store)) as client:
        yield client


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_more_than_the_rate_is_refused_and_told_when_to_come_again(opened: Opened) -> None:
    clock = Clock()
    client = opened(Guard(rates=Rates(3, clock)))
    answers = [client.get("/search?query=red") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert [answer.headers["ratelimit"] for answer in answers[:3]] == [
        f'"default";r={left};t={seconds}' for left, seconds in ((2, 20), (1, 40), (0, 60))
    ]
    assert_problem(answers[3], 429)
    assert answers[3].headers["retry-after"] == "20"
    assert answers[3].headers["ratelimit"] == '"default";r=0;t=20'
    assert answers[3].headers["ratelimit-policy"] == '"default";q=3;w=60'
    clock.now += 19.5
    assert client.get("/search?query=red").headers["retry-after"] == "1"
    clock.now += 0.5
    assert client.get("/search?query=red").status_code == 200
    assert client.get("/search?query=red").status_code == 429
    clock.now += 3600
    assert [client.get("/info").status_code for _ in range(4)] == [200, 200, 200, 429]


def test_each_key_has_a_rate_of_its_own_and_wrong_ones_count_for_their_address(opened: Opened) -> None:
    (ann, ann_line), (bob, bob_line) = new_key("ann", Scope.READ), new_key("bob", Scope.READ)
    client = opened(Guard(keys=KeyRing(f"{ann_line} {bob_line}"), rates=Rates(2, Clock())))

    def asks(key: str) -> list[int]:
        return [client.get("/info", headers={"x-api-key": key}).status_code for _ in range(3)]

    assert asks(ann) == [200, 200, 429]
    assert asks(bob) == [200, 200, 429]
    assert asks("guess") == [401, 401, 429]
    assert client.post("/session", json={"key": ann}).status_code == 429


def test_probes_and_pages_are_not_counted(opened: Opened) -> None:
    client = opened(Guard(rates=Rates(1, Clock())))
    for path in ("/healthz", "/", "/static/app.js"):
        assert [client.get(path).status_code for _ in range(3)] == [200] * 3
    assert [client.get("/readyz").status_code for _ in range(2)] == [200, 429]  # it costs a query


def test_rates_are_off_by_default(opened: Opened) -> None:
    answer = opened().get("/info")
    assert "ratelimit" not in answer.headers
    assert open_guard(load_settings()) == Guard()


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("testclient", "testclient", True),
    ],
)
def test_one_machine_with_many_addresses_is_one_client(one: str, other: str, same: bool) -> None:
    assert (client_of(one) == client_of(other)) == same


def test_strangers_without_end_take_no_memory_without_end() -> None:
    rates = Rates(1, Clock())
    for number in range(10_100):
        rates.take(str(number))
    assert len(rates._buckets) == 10_000
    assert not rates.take("10099").granted


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 422),
        ({"sec-fetch-site": "same-origin", "origin": "http://anything"}, 422),
        ({"sec-fetch-site": "none"}, 422),
        ({"origin": "http://testserver"}, 422),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "cross-site", "origin": STRANGE}, 403),
        ({"origin": STRANGE}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://testserver:81"}, 403),
        ({"origin": "http://["}, 403),
    ],
)
def test_a_page_of_another_site_changes_nothing(plain: TestClient, headers: dict[str, str], status: int) -> None:
    client = plain
    assert client.post("/judgements", json={}, headers=headers).status_code == status
    assert client.post("/search", json={"query": "red"}, headers=headers).status_code == 200  # it may ask; not read
    assert client.get("/info", headers=headers).status_code == 200


def test_a_form_of_another_site_adds_no_picture(opened: Opened) -> None:
    client, form = opened(), {"image": ("a.png", b"not looked at")}
    for headers in ({"sec-fetch-site": "cross-site"}, {"origin": STRANGE}):
        answer = client.post("/images", files=form, headers=headers)
        assert_problem(answer, 403)
        assert "another site" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("host", "refused"),
    [
        ("rebound.example", True),
        ("rebound.example:8000", True),
        ("127.0.0.1.rebound.example", True),
        ("localhost.rebound.example", True),
        ("", True),
        ("localhost:8000", False),
        ("pictures.localhost", False),
        ("127.0.0.1:8000", False),
        ("[::1]:8000", False),
    ],
)
def test_a_page_whose_name_was_made_to_point_here_changes_no_index(plain: TestClient, host: str, refused: bool) -> None:
    """DNS rebinding: to the browser it is all one site."""
    for headers in ({"origin": f"http://{host}"}, {"sec-fetch-site": "same-origin"}):
        answer = plain.delete("/images/1", headers={"host": host, **headers})
        assert ("a stranger's" in answer.text) == refused
    assert "a stranger's" not in plain.delete("/images/1", headers={"host": host}).text  # no browser


def test_a_browser_changes_the_index_by_a_name_that_is_listed(opened: Opened) -> None:
    named = opened(Guard(hosts=frozenset({"ours.example"})))
    answer = named.delete("/images/1", headers={"host": "ours.example", "origin": "http://ours.example"})
    assert "a stranger's" not in answer.text


@pytest.mark.parametrize(
    "host", ["strange.example", "", "pictures.example.strange.example", "pictures.example@x", "[::1", "x"]
)
def test_other_names_are_refused_where_names_are_listed(opened: Opened, host: str) -> None:
    client = opened(Guard(hosts=frozenset({"pictures.example", "::1"})))
    assert_problem(client.get("/info", headers={"host": host}), 421)
    assert client.get("/healthz", headers={"host": host}).status_code == 200  # who probes has no name to ask by
    for good in ("pictures.example", "PICTURES.example:8000", "[::1]:8000"):
        assert client.get("/info", headers={"host": good}).status_code == 200


def test_no_other_site_reads_an_answer_unless_it_is_listed(opened: Opened) -> None:
    asked = {"origin": STRANGE, "access-control-request-method": "GET", "access-control-request-headers": "x-api-key"}
    closed = opened()
    for answer in (closed.get("/info", headers={"origin": STRANGE}), closed.options("/info", headers=asked)):
        assert not [name for name in answer.headers if name.startswith("access-control")]
    client = opened(Guard(origins=(STRANGE,), keys=KeyRing(new_key("ann", Scope.READ)[1])))
    assert client.options("/info", headers=asked).status_code == 200
    answer = client.get("/info", headers={"origin": STRANGE})
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (401, STRANGE)
    assert "access-control-allow-credentials" not in answer.headers
    assert "access-control-allow-origin" not in client.get("/info", headers={"origin": "https://other.example"}).headers
    assert client.options("/info", headers={**asked, "origin": "https://other.example"}).status_code == 400
    assert (
        "another site"
        not in client.post("/judgements", headers={"origin": STRANGE, "sec-fetch-site": "cross-site"}).text
    )


@pytest.mark.parametrize("origins", ["*", "strange.example", "https://*.example", "https://a.example/path", "null"])
def test_an_origin_that_is_none_stops_the_start(origins: str) -> None:
    with pytest.raises(SettingsError, match="SEARCH_ALLOWED_ORIGINS"):
        load_settings(allowed_origins=origins)
    guard = open_guard(
        load_settings(allowed_origins=" https://a.example/ , http://b.example:81", allowed_hosts="A.b, c")
    )
    assert guard.origins == ("https://a.example", "http://b.example:81")
    assert guard.hosts == {"a.b", "c"}


def test_headers_that_keep_a_browser_safe_are_on_every_answer(opened: Opened) -> None:
    client = opened(Guard(keys=KeyRing(new_key("ann", Scope.READ)[1])))
    for path, status in (("/", 200), ("/info", 401), ("/nothing", 401), ("/static/nothing", 404)):
        answer = client.get(path)
        assert answer.status_code == status
        policy = answer.headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy
        assert "camera=()" in answer.headers["permissions-policy"]
        assert answer.headers["cross-origin-opener-policy"] == "same-origin"
        assert "strict-transport-security" not in answer.headers
    over_tls = TestClient(client.app, base_url="https://testserver").get("/")
    assert over_tls.headers["strict-transport-security"].startswith("max-age=")


def test_a_head_that_is_too_long_is_refused(opened: Opened) -> None:
    client = opened()
    most = gate.MAX_HEAD_BYTES // 2
    assert_problem(client.get(f"/search?query={'a' * (most + 9_000)}", headers={"x-long": "a" * most}), 414)
    assert_problem(client.get("/info", headers={"x-long": "a" * gate.MAX_HEAD_BYTES}), 431)
    longest = "€" * 2000
    assert client.get("/search", params={"query": longest}).status_code == 200


def test_bodies_of_all_together_are_bounded(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    client = opened()
    monkeypatch.setattr(bodies, "MAX_BODY_BYTES", 1_000)
    monkeypatch.setattr(bodies, "MOST_HELD_BYTES", 10_000)
    answer = client.post("/search", content=b" " * 20_000, headers=JSON)
    assert_problem(answer, 503)
    assert "retry-after" in answer.headers
    for _ in range(3):  # what was held is given back each time
        assert client.post("/search", content=b'{"query": "red"}' + b" " * 8_000, headers=JSON).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/judgements", b" " * 1_000_001, 413),
        ("POST", "/session", b" " * 1_000_001, 413),
        ("POST", "/search", b" " * 30_000_001, 413),
        ("POST", "/search/batch", json.dumps({"queries": [{"query": "a"}] * 33}).encode(), 422),
        ("POST", "/search", json.dumps({"query": "a" * 2_001}).encode(), 422),
        ("POST", "/search", json.dumps({"query": "a", "limit": 51}).encode(), 422),
        ("POST", "/search", json.dumps({"query": "a", "offset": 10**9}).encode(), 422),
        ("POST", "/search", json.dumps({"query": "a", "offset": -1}).encode(), 422),
        ("POST", "/search", json.dumps({"query": "a", "limit": 10**400}).encode(), 422),
        ("POST", "/search", json.dumps({"terms": [{"text": "a"}] * 100}).encode(), 422),
        ("POST", "/search", json.dumps({"query": "a", "facets": ["colour"] * 100}).encode(), 422),
        ("POST", "/search", json.dumps({"query": "a", "filter": {"colour": ["red"] * 100_000}}).encode(), 422),
        ("POST", "/search", b"[" * 100_000, 400),
        ("POST", "/search/batch", b"[" * 100_000, 400),
        ("POST", "/judgements", b"[" * 100_000, 400),
        ("POST", "/search/batch", b'{"queries":' * 50_000, 400),
        ("POST", "/session", b"9" * 5_000, 400),
        ("POST", "/search", b"9" * 5_000, 400),
        ("GET", "/search?query=a&limit=51", b"", 422),
        ("GET", "/search?query=a&offset=1000000000", b"", 422),
        ("GET", f"/search?query={'a' * 2_001}", b"", 422),
        ("GET", "/search?query=a" + "&filter=colour:red" * 200, b"", 422),
        ("GET", "/search?query=a" + "&like=1" * 200, b"", 422),
        ("GET", "/images/1/similar?limit=51", b"", 422),
        ("GET", "/images/1/thumbnail?size=100000", b"", 422),
        ("GET", "/judgements?limit=100000", b"", 422),
        ("GET", "/images/99999999999999999999", b"", 422),
    ],
)
def test_every_limit_holds_at_the_front_door(
    plain: TestClient, method: str, path: str, body: bytes, status: int
) -> None:
    answer = plain.request(method, path, content=body, headers=JSON)
    assert_problem(answer, status, answer.json().get("parameter"))
    assert status != 422 or "parameter" in answer.json()


def test_each_answer_has_an_id_and_a_caller_may_choose_it(opened: Opened) -> None:
    client = opened()
    one, other = (client.get("/healthz").headers["x-request-id"] for _ in range(2))
    assert one != other
    assert client.get("/nothing", headers={"x-request-id": "mine-1.a_b"}).headers["x-request-id"] == "mine-1.a_b"
    for forged in ("a b", "a%0ab", "x" * 65, "", "\x1b[31m", "ü"):
        given = client.get("/healthz", headers={"x-request-id": forged.encode()}).headers["x-request-id"]
        assert given != forged
        assert len(given) == 32


def test_what_is_logged_because_of_a_request_has_its_id(opened: Opened, caplog: pytest.LogCaptureFixture) -> None:
    client = opened()
    caplog.handler.addFilter(WithRequestId())

    def log_and_break() -> None:
        logging.getLogger("inside").warning("something")
        raise ZeroDivisionError("secret inside")

    client.app.add_api_route("/bug", log_and_break)
    answer = TestClient(client.app, raise_server_exceptions=False).get("/bug", headers={"x-request-id": "mine"})
    assert_problem(answer, 500)
    assert answer.headers["x-request-id"] == "mine"
    assert [record.request_id for record in caplog.records if record.name == "inside"] == ["mine"]


def test_where_no_thread_is_free_and_many_wait_the_rest_is_turned_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One thread, which is held, and two that wait: no clock has a say."""
    monkeypatch.setattr(gate, "MOST_WAITING", 2)
    app = create_app(lambda: open_colours(tmp_path / "pictures", max_limit=50)[0])

    async def crowd() -> None:
        async with app.router.lifespan_context(app):
            threads, go = to_thread.current_default_thread_limiter(), threading.Event()
            before, threads.total_tokens = threads.total_tokens, 1
            transport = httpx.ASGITransport(app)
            try:
                async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                    async with anyio.create_task_group() as holding:
                        for _ in range(3):
                            holding.start_soon(to_thread.run_sync, go.wait)
                        await anyio.wait_all_tasks_blocked()
                        refused = await client.get("/images/1")
                        alive = await client.get("/healthz")
                        go.set()
                    assert (await client.get("/images/1")).status_code == 200
            finally:
                threads.total_tokens = before
            assert (refused.status_code, refused.headers["retry-after"], alive.status_code) == (503, "1", 200)

    anyio.run(crowd)


@pytest.mark.parametrize("path", ["/", "/static/app.js", "/search", "/nothing"])
def test_nobody_is_spoken_to_over_a_web_socket(opened: Opened, path: str) -> None:
    from starlette.websockets import WebSocketDisconnect

    with pytest.raises(WebSocketDisconnect), opened().websocket_connect(path):
        pass
