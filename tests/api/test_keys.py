"""API keys: made by the command, kept as hashes, asked for at every route, and changed without a restart."""

import hmac
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from starlette.routing import Route

from search_app.api.app import create_app
from search_app.api.guarding import keys
from search_app.api.guarding.guard import Guard
from search_app.api.guarding.keys import KeyRing, Scope, new_key, read_keys
from search_app.api.guarding.scopes import scope_needed
from search_app.cli.program import main
from search_app.errors import SettingsError
from search_app.judgements.store import JudgementStore
from search_app.settings import load_settings
from search_app.wiring_http import open_guard
from tests.api.conftest import Opened
from tests.api.test_search import assert_problem
from tests.search.colours import open_colours

MADE = {scope: new_key(f"{scope.name.lower()}er", scope) for scope in Scope}
SECRET = {scope: secret for scope, (secret, _) in MADE.items()}
RING = KeyRing(",".join(entry for _, entry in MADE.values()))
FORBIDDEN, UNKNOWN = 403, 401


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """The same behind three keys, one of each scope."""
    home = tmp_path_factory.mktemp("locked")
    guard, store = Guard(keys=RING), JudgementStore(home, str)
    service = partial(open_colours, home / "pictures", max_limit=50)
    with TestClient(create_app(lambda: service()[0], lambda: store, None, lambda: guard)) as client:
        yield client


def bearer(scope: Scope) -> dict[str, str]:
    return {"authorization": f"Bearer {SECRET[scope]}"}


READING = [
    ("GET", "/search?query=red"),
    ("GET", "/search/?query=red"),
    ("POST", "/search"),
    ("POST", "/search/batch"),
    ("GET", "/info"),
    ("GET", "/images/1"),
    ("HEAD", "/images/1/thumbnail"),
    ("GET", "/images/1/similar"),
    ("GET", "/images/1/explain?query=red"),
    ("POST", "/images/1/explain"),
]
JUDGING = [
    ("GET", "/judgements"),
    ("POST", "/judgements"),
    ("GET", "/judgements/export"),
    ("GET", "/judgements/rounds"),
    ("GET", "/judgements/rounds/one"),
]
CHANGING = [("POST", "/images"), ("DELETE", "/images/1"), ("PUT", "/anything/new")]
OPENED_BY = {
    Scope.METRICS: {Scope.METRICS, Scope.ADMIN},
    Scope.READ: {Scope.READ, Scope.WRITE, Scope.ADMIN},
    Scope.WRITE: {Scope.WRITE, Scope.ADMIN},
    Scope.ADMIN: {Scope.ADMIN},
}
OPEN = ["/", "/judge", "/docs", "/openapi.json", "/static/app.js", "/healthz", "/readyz"]


@pytest.mark.parametrize(("method", "path"), READING + JUDGING + CHANGING)
def test_without_a_key_nothing_is_told_but_that_one_is_needed(locked: TestClient, method: str, path: str) -> None:
    answer = locked.request(method, path)
    assert answer.status_code == UNKNOWN
    assert answer.headers["www-authenticate"] == 'Bearer realm="image search"'
    if method != "HEAD":
        assert_problem(answer, UNKNOWN)


@pytest.mark.parametrize("path", OPEN)
def test_pages_and_probes_are_open(locked: TestClient, path: str) -> None:
    assert locked.get(path).status_code == 200


@pytest.mark.parametrize(
    ("needed", "method", "path"),
    [
        (Scope.METRICS, "GET", "/metrics"),
        *((Scope.READ, *each) for each in READING),
        *((Scope.WRITE, *each) for each in JUDGING),
        *((Scope.ADMIN, *each) for each in CHANGING),
    ],
)
def test_a_key_opens_what_its_scope_says_and_no_more(locked: TestClient, needed: Scope, method: str, path: str) -> None:
    assert scope_needed(method, path.partition("?")[0]) is needed
    for scope in Scope:
        answer = locked.request(method, path, headers=bearer(scope))
        assert ("www-authenticate" in answer.headers) == (scope not in OPENED_BY[needed]), scope
        if scope not in OPENED_BY[needed]:
            assert answer.status_code == FORBIDDEN
            assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]
            assert method == "HEAD" or f"scope {needed.name.lower()}" in answer.json()["detail"]


def test_every_route_that_is_not_named_asks_for_all(locked: TestClient) -> None:
    """A route that is added is closed until somebody thinks about it; this list is where they do."""
    described = locked.get("/openapi.json").json()["paths"]
    open_ones = {
        f"{method} {path}" for path, each in described.items() for method in each if "security" not in each[method]
    }
    assert open_ones == {"get /healthz", "get /readyz", "post /session", "delete /session"}
    for route in locked.app.routes:
        if isinstance(route, Route) and route.path not in {"/", "/judge", "/docs", "/openapi.json"}:
            needed = scope_needed("GET", route.path.replace("{image_id}", "1"))
            assert needed is not None or route.path in {"/healthz", "/readyz", "/session"}, route.path


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": f"bearer  {SECRET[Scope.READ]} "},
        {"x-api-key": SECRET[Scope.READ]},
        {"authorization": "Basic bm9ib2R5OmF0IGFsbA==", "x-api-key": SECRET[Scope.READ]},
        {"cookie": f"search_key={SECRET[Scope.READ]}"},
    ],
)
def test_a_key_comes_in_any_of_three_places(locked: TestClient, headers: dict[str, str]) -> None:
    assert locked.get("/info", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer wrong"},
        {"authorization": f"Bearer {SECRET[Scope.READ]}x"},
        {"authorization": f"Bearer {SECRET[Scope.READ].upper()}"},
        {"authorization": f"Bearer {MADE[Scope.READ][1]}"},  # what is kept of a key opens nothing
        {"authorization": f"Bearer {MADE[Scope.READ][1].rpartition(':')[2]}"},
        {"x-api-key": "x" * 30_000},
        {"x-api-key": b"\xff\xfe"},
    ],
)
def test_what_is_not_a_key_opens_nothing(locked: TestClient, headers: dict[str, str]) -> None:
    answer = locked.get("/info", headers=headers)
    assert_problem(answer, UNKNOWN)
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


def test_a_key_in_the_address_is_not_looked_at(locked: TestClient) -> None:
    for name in ("key", "api_key", "access_token"):
        assert locked.get(f"/search?query=red&{name}={SECRET[Scope.READ]}").status_code == UNKNOWN


@pytest.mark.parametrize(
    "path",
    [
        "/static/../info",
        "/static/%2e%2e/info",
        "/static/..%2finfo",
        "//info",
        "/./info",
        "/info/",
        "/INFO",
        "/docs/../info",
    ],
)
def test_no_spelling_of_a_path_goes_round_the_key(locked: TestClient, path: str) -> None:
    answer = locked.get(f"http://testserver{path}")
    assert answer.status_code in {UNKNOWN, 404}
    assert "colours" not in answer.text


def test_what_was_answered_with_a_key_is_not_given_from_memory_without_one(locked: TestClient) -> None:
    assert locked.get("/search?query=red", headers=bearer(Scope.READ)).status_code == 200
    assert locked.get("/search?query=red").status_code == UNKNOWN


def test_below_a_path_of_a_proxy_the_same_is_open_and_closed(opened: Opened) -> None:
    client = opened(Guard(keys=RING))
    below = TestClient(client.app, root_path="/pictures")
    assert below.get("/pictures/healthz").status_code == 200
    assert below.get("/pictures/info").status_code == UNKNOWN
    assert below.get("/pictures/info", headers=bearer(Scope.READ)).status_code == 200


def test_every_comparison_is_in_constant_time_and_all_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[bytes] = []
    honest = hmac.compare_digest

    def counting(one: bytes, other: bytes) -> bool:
        compared.append(one)
        return honest(one, other)

    monkeypatch.setattr(keys.hmac, "compare_digest", counting)
    for secret in (SECRET[Scope.READ], SECRET[Scope.ADMIN], "wrong"):
        compared.clear()
        RING.find(secret)
        assert len(compared) == len(Scope)


def test_keys_change_without_a_restart_and_a_broken_file_lets_nobody_in(opened: Opened, tmp_path: Path) -> None:
    file = tmp_path / "keys"
    (old, old_line), (new, new_line) = new_key("old", Scope.READ), new_key("new", Scope.READ)
    file.write_text(f"# of spring\n{old_line}\n")
    client = opened(open_guard(load_settings(api_keys_file=str(file), api_keys=MADE[Scope.ADMIN][1])))

    def opens(secret: str) -> int:
        return client.get("/info", headers={"x-api-key": secret}).status_code

    assert (opens(old), opens(new), opens(SECRET[Scope.ADMIN])) == (200, 401, 200)
    file.write_text(f"{old_line}\n{new_line}\n")
    assert (opens(old), opens(new)) == (200, 200)
    _written(tmp_path / "next", new_line).replace(file)
    assert (opens(old), opens(new)) == (401, 200)
    file.write_text(new)
    answer = client.get("/info", headers={"x-api-key": new})
    assert_problem(answer, 503)
    assert "retry-after" in answer.headers
    assert new not in answer.text
    assert str(file) not in answer.text
    file.unlink()
    assert opens(new) == 503
    file.write_text("")
    assert opens(new) == 401
    assert client.get("/healthz").status_code == 200


def _written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_an_empty_file_of_keys_opens_nothing(opened: Opened, tmp_path: Path) -> None:
    client = opened(open_guard(load_settings(api_keys_file=str(_written(tmp_path / "keys", "# none yet\n")))))
    assert client.get("/info").status_code == UNKNOWN


@pytest.mark.parametrize(
    "text", ["hunter2-in-the-clear", "ann:root:sha256:" + "0" * 64, "a b:read:sha256:00", "ann:read:md5:00"]
)
def test_what_is_no_entry_stops_the_start_and_is_not_repeated(
    text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SEARCH_API_KEYS", text)
    good = MADE[Scope.READ][1]
    with pytest.raises(SettingsError, match="SEARCH_API_KEYS: entry 2") as told:
        KeyRing(f"{good}, {text}")
    assert text not in str(told.value)
    status = main(["serve", "--port", "1"])
    told_by_command = "".join(capsys.readouterr())
    assert (status, "SEARCH_API_KEYS" in told_by_command, text in told_by_command) == (2, True, False)


def test_a_secret_setting_is_not_repeated_where_it_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEARCH_API_KEYS", "hunter2")
    monkeypatch.setenv("QDRANT_API_KEY", "hunter3")
    assert "hunter" not in repr(load_settings())
    with pytest.raises(SettingsError) as told:
        load_settings(qdrant_api_key=b"\xff hunter4")
    assert "hunter4" not in str(told.value)


def test_the_command_prints_a_key_once_and_the_line_that_opens_with_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["keys", "new", "--scope", "write", "--name", "ann"]) == 0
    secret, entry = (line.rpartition(" ")[2] for line in capsys.readouterr().out.splitlines())
    [key] = read_keys(entry, "here")
    assert (key.name, key.scope) == ("ann", Scope.WRITE)
    assert secret not in entry
    found = KeyRing(entry).find(secret)
    assert found == key
    assert key.digest.hex() not in repr(key)
    assert not list(tmp_path.iterdir())
    assert main(["keys", "new", "--scope", "write", "--name", "a,b"]) == 2
    assert "--name" in capsys.readouterr().err


def test_the_page_gets_a_cookie_that_scripts_and_other_sites_cannot_use(opened: Opened) -> None:
    client = opened(Guard(keys=RING))
    refused = client.post("/session", json={"key": "wrong"})
    assert_problem(refused, UNKNOWN)
    assert "set-cookie" not in refused.headers
    given = client.post("/session", json={"key": SECRET[Scope.READ]})
    assert given.status_code == 204
    cookie = given.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "path=/" in cookie
    assert "secure" not in cookie
    assert client.get("/info").status_code == 200
    assert client.get("/judgements").status_code == FORBIDDEN
    assert client.delete("/session").status_code == 204
    assert client.get("/info").status_code == UNKNOWN
    over_tls = TestClient(client.app, base_url="https://testserver").post("/session", json={"key": SECRET[Scope.READ]})
    assert "secure" in over_tls.headers["set-cookie"].lower()


def test_a_wrong_body_with_a_key_in_it_is_not_repeated(opened: Opened) -> None:
    client = opened(Guard(keys=RING))
    for body in ({"key": [SECRET[Scope.READ]]}, {"key": SECRET[Scope.READ] * 30}, {"kay": SECRET[Scope.READ]}):
        answer = client.post("/session", json=body)
        assert answer.status_code == 422
        assert SECRET[Scope.READ] not in answer.text


def test_without_keys_nobody_is_asked(opened: Opened) -> None:
    client = opened(Guard())
    assert client.get("/info").status_code == 200
    assert client.get("/info", headers={"x-api-key": "anything"}).status_code == 200
    assert client.get("/judgements").status_code == 200
    answer = client.post("/session", json={"key": "anything"})
    assert (answer.status_code, "set-cookie" in answer.headers) == (204, False)
