"""The application as a whole: its life cycle, its headers, its description of itself, and any input at all."""

import json
import subprocess
import sys
from collections.abc import Callable
from http import HTTPMethod
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from search_app.api.app import create_app
from search_app.errors import SettingsError
from search_app.search.service import SearchService
from tests.api.test_search import assert_problem
from tests.conftest import clean_environment
from tests.search.colours import ColourEncoder

ANY_TEXT = st.one_of(st.text(), st.sampled_from(["", "red", "0", "-1", "5", "1e3", "nan", "9" * 400, "\0", "null"]))
ANY_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), ANY_TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(ANY_TEXT, inner, max_size=3)),
    max_leaves=5,
)
JSON = {"content-type": "application/json"}
FIELDS = st.sampled_from(["query", "limit", "offset", "min_score", "other"])
many = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def test_nothing_is_opened_before_the_start_and_all_is_closed_at_the_end() -> None:
    encoder = ColourEncoder()
    opened: list[SearchService] = []

    def open_service() -> SearchService:
        opened.append(SearchService(encoder, ClosableReader()))
        return opened[0]

    class ClosableReader:
        closed = False

        def close(self) -> None:
            ClosableReader.closed = True

    app = create_app(open_service)
    assert opened == []
    with TestClient(app) as client:
        assert client.get("/healthz").json() == {"status": "ok"}
        assert not ClosableReader.closed
    assert ClosableReader.closed
    assert encoder.spec.name == "closed"


def run_server(raised: str) -> subprocess.CompletedProcess[str]:
    code = (
        "import uvicorn\n"
        "from search_app import errors\n"
        "from search_app.api.app import create_app\n"
        f"def open_service(): raise {raised}\n"
        "uvicorn.run(create_app(open_service), port=0)\n"
    )
    return subprocess.run(
        [sys.executable, "-c", code], env=clean_environment(), capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("kind", ["SettingsError", "WeightsUnavailable"])
def test_a_start_that_cannot_succeed_ends_in_one_sentence(kind: str) -> None:
    done = run_server(f"errors.{kind}('SEARCH_MODEL=x: no such model, try lite')")
    assert done.returncode != 0
    assert "cannot start: SEARCH_MODEL=x: no such model, try lite" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_bug_at_the_start_keeps_its_traceback() -> None:
    done = run_server("ZeroDivisionError")
    assert done.returncode != 0
    assert "Traceback" in done.stderr


def test_a_failed_start_is_an_error_for_whoever_holds_the_application() -> None:
    def open_service() -> SearchService:
        raise SettingsError("SEARCH_DEVICE='moon'")

    with pytest.raises(SettingsError, match="moon"), TestClient(create_app(open_service)):
        pass


def test_alive_ready_and_what_runs_here(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").json() == {"status": "ready", "collection": "colours", "count": 7, "generation": 1}
    info = client.get("/info").json()
    assert info.pop("version")
    assert info == {
        "model": "colours",
        "dim": 4,
        "device": "cpu",
        "precision": "fp32",
        "backend": "memory",
        "collection": "colours",
        "count": 7,
        "generation": 1,
        "folder": "pictures",
        "fields": ["folder", "format", "orientation", "colour", "words", "copy_of"],
        "configuration": {},
    }


def test_without_an_index_the_service_is_alive_and_says_what_runs(empty_client: TestClient) -> None:
    assert empty_client.get("/healthz").status_code == 200
    info = empty_client.get("/info").json()
    assert (info["model"], info["collection"], info["count"]) == ("colours", None, None)


@pytest.mark.parametrize("path", ["/", "/docs", "/static/app.js", "/static/style.css", "/healthz", "/readyz"])
def test_head_answers_as_get_does(client: TestClient, path: str) -> None:
    assert client.head(path).status_code == client.get(path).status_code == 200


@pytest.mark.parametrize("path", ["/", "/static/app.js"])
def test_pages_are_kept_by_browsers_and_checked(client: TestClient, path: str) -> None:
    first = client.get(path)
    assert first.headers["cache-control"] == "no-cache"
    assert client.get(path, headers={"if-none-match": first.headers["etag"]}).status_code == 304


@pytest.mark.parametrize("path", ["/", "/docs", "/search?query=red", "/search", "/nothing", "/images/1", "/static/x"])
def test_every_answer_has_security_headers(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-frame-options"] == "DENY"
    assert "default-src" in headers["content-security-policy"]


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_pages_need_nothing_inline_and_no_other_host(client: TestClient, path: str) -> None:
    page = client.get(path)
    assert "unsafe" not in page.headers["content-security-policy"]
    assert "<style" not in page.text
    assert " style=" not in page.text
    assert "<script>" not in page.text
    assert "http://" not in page.text
    assert "https://" not in page.text
    assert "//cdn" not in page.text


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/static/nothing.css", 404),
        ("GET", "/static/..%2f..%2fmain.py", 404),
        ("GET", "/images", 405),
        ("GET", "/healthz/", 404),
        ("DELETE", "/search", 405),
        ("POST", "/images/1", 405),
        ("PUT", "/", 405),
        ("POST", "/static/app.js", 405),
    ],
)
def test_what_is_not_there_is_a_problem_document(client: TestClient, method: str, path: str, status: int) -> None:
    response = client.request(method, path)
    assert_problem(response, status)
    assert ("allow" in response.headers) == (status == 405)


def test_a_bug_is_a_problem_without_its_inside(empty_client: TestClient) -> None:
    def break_down() -> None:
        raise ZeroDivisionError("secret inside")

    empty_client.app.add_api_route("/bug", break_down)
    careless = TestClient(empty_client.app, raise_server_exceptions=False)
    response = careless.get("/bug")
    assert_problem(response, 500)
    assert "secret" not in response.text
    assert response.headers["x-content-type-options"] == "nosniff"


def test_the_description_tells_problems_apart_from_answers(client: TestClient) -> None:
    description = client.get("/openapi.json").json()
    paths = description["paths"]
    of_one = {
        "/search",
        "/search/batch",
        "/images",
        "/images/{image_id}",
        "/images/{image_id}/thumbnail",
        "/images/{image_id}/similar",
        "/images/{image_id}/explain",
        "/judgements",
        "/judgements/export",
        "/judgements/rounds",
        "/judgements/rounds/{round_id}",
        "/judgements/rounds/{round_id}/next",
        "/judgements/rounds/{round_id}/agreement",
        "/readyz",
        "/info",
    }
    assert set(paths) == {
        *of_one,
        *(f"/collections/{{collection}}{path}" for path in of_one),
        "/collections",
        "/healthz",
        "/metrics",
        "/session",
        "/v1/embeddings",
        "/v1/models",
        "/v1/models/{model}",
    }
    operations = [operation for path in paths.values() for operation in path.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(names) == len(set(names))
    for operation in operations:
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                assert list(response["content"]) == ["application/problem+json"]
    parameters = {entry["name"]: entry for entry in paths["/search"]["get"]["parameters"]}
    assert {"query", "limit", "offset", "min_score", "words", "filter", "like"} <= set(parameters)
    assert not any(entry["required"] for entry in parameters.values())  # words, or pictures to be like
    assert parameters["limit"]["schema"]["default"] == 5
    resolve_all(description, description)


def resolve_all(part: object, whole: dict[str, object]) -> None:
    """Fail where a reference inside the description leads nowhere."""
    if isinstance(part, dict):
        if "$ref" in part:
            found: object = whole
            for step in part["$ref"].removeprefix("#/").split("/"):
                assert step in found, part["$ref"]
                found = found[step]
        part = list(part.values())
    if isinstance(part, list):
        for inner in part:
            resolve_all(inner, whole)


def assert_no_fault_of_the_service(ask: Callable[[], object]) -> None:
    """The client raises what the service raised; a problem must say what was wrong."""
    response = ask()
    assert response.status_code < 500
    if response.status_code >= 400:
        assert response.headers["content-type"] == "application/problem+json"
        assert response.request.method == "HEAD" or response.json()["detail"]


@many
@given(st.dictionaries(FIELDS, ANY_TEXT))
def test_no_query_string_is_a_server_error(client: TestClient, parameters: dict[str, str]) -> None:
    sendable = {name: value.encode("utf-8", "surrogatepass") for name, value in parameters.items()}
    assert_no_fault_of_the_service(lambda: client.get("/search", params=sendable))


@many
@given(st.one_of(ANY_JSON, st.dictionaries(FIELDS, ANY_JSON)))
def test_no_json_is_a_server_error(client: TestClient, body: object) -> None:
    assert_no_fault_of_the_service(lambda: client.post("/search", content=json.dumps(body).encode(), headers=JSON))


@many
@given(st.binary())
def test_no_body_is_a_server_error(client: TestClient, body: bytes) -> None:
    assert_no_fault_of_the_service(lambda: client.post("/search", content=body, headers=JSON))


@many
@given(ANY_TEXT, st.sampled_from(["", "/thumbnail", "/similar"]), st.sampled_from(HTTPMethod))
def test_no_path_is_a_server_error(client: TestClient, number: str, rest: str, method: str) -> None:
    path = quote(number.encode("utf-8", "surrogatepass"), safe="")
    assert_no_fault_of_the_service(lambda: client.request(method, f"/images/{path}{rest}"))


@many
@given(ANY_TEXT, st.sampled_from(["if-none-match", "if-modified-since", "range", "accept", "content-type", "if-range"]))
def test_no_header_is_a_server_error(client: TestClient, value: str, name: str) -> None:
    headers = {name: value.encode("utf-8", "surrogatepass").replace(b"\n", b"").replace(b"\r", b"")}
    for path in ("/images/1", "/images/1/thumbnail", "/", "/search?query=red"):
        assert_no_fault_of_the_service(lambda path=path: client.get(path, headers=headers))
    assert_no_fault_of_the_service(lambda: client.post("/search", content=b"{}", headers=headers))
