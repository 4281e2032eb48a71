"""The search routes: promised forms, and a caller's mistakes."""

from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response

from search_app.index.memory.store import MemoryStore
from tests.search.colours import COLOURS, index_pictures


def assert_problem(response: Response, status: int, parameter: str | None = None) -> None:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert {"type", "title", "status", "detail", "instance"} <= set(problem)
    assert problem["status"] == status
    assert problem["detail"]
    assert problem.get("parameter") == parameter


@pytest.mark.parametrize("path", ["/search", "/search/"])
def test_get_answers_a_bare_list_of_five_best_first_without_a_redirect(client: TestClient, path: str) -> None:
    response = client.get(path, params={"query": "a red thing"}, follow_redirects=False)
    assert response.status_code == 200
    hits = response.json()
    assert [list(hit) for hit in hits] == [["id", "score"]] * 5
    assert hits[0] == {"id": 1, "score": 1.0}
    assert [hit["score"] for hit in hits] == sorted((hit["score"] for hit in hits), reverse=True)
    assert all(type(hit["id"]) is int and type(hit["score"]) is float for hit in hits)


def test_scores_have_the_shortest_decimals_of_single_precision(client: TestClient) -> None:
    hits = client.get("/search", params={"query": "red", "limit": 7}).json()
    assert max(len(str(abs(hit["score"]))) for hit in hits) <= len("0.123456789")


def test_limit_offset_and_min_score_are_options_of_get(client: TestClient) -> None:
    whole = client.get("/search", params={"query": "red", "limit": 7}).json()
    part = client.get(
        "/search", params={"query": "red", "limit": 3, "offset": 2, "min_score": whole[3]["score"]}
    ).json()
    assert part == whole[2:4]


def test_unknown_parameters_of_get_are_ignored(client: TestClient) -> None:
    assert client.get("/search?query=red&_=123").json() == client.get("/search?query=red").json()


@pytest.mark.parametrize("path", ["/search", "/search/"])
def test_post_answers_an_object_with_all_there_is_to_know(client: TestClient, path: str) -> None:
    response = client.post(path, json={"query": " a  red\tthing ", "limit": 2})
    assert response.status_code == 200
    answer = response.json()
    assert set(answer) == {
        *("hits", "query", "model", "collection", "generation", "took_ms"),
        *("understood", "no_match", "relevant", "facets"),
    }
    assert (answer["query"], answer["model"], answer["collection"]) == ("a red thing", "colours", "colours")
    assert set(answer["took_ms"]) == {"encode", "search", "fetch", "total"}
    assert len(answer["hits"]) == 2
    best = answer["hits"][0]
    assert 0 <= best.pop("relevance") <= 1
    assert best.pop("evidence").keys() == {"image", "meaning", "form"}
    assert best == {
        "id": 1,
        "score": 1.0,
        "path": "red/a picture.png",
        "url": "/images/1",
        "thumbnail_url": "/images/1/thumbnail",
        "width": 640,
        "height": 400,
        "by": "image",
        "words": [],
        "copies": [],
    }
    assert client.get(answer["hits"][0]["url"]).status_code == 200
    assert client.get(answer["hits"][0]["thumbnail_url"]).status_code == 200


def test_addresses_follow_the_path_a_proxy_serves_at(own_client: TestClient) -> None:
    own_client.app.root_path = "/pictures"
    hit = own_client.post("/search", json={"query": "red"}).json()["hits"][0]
    assert hit["url"] == "/pictures/images/1"


def test_post_and_get_agree(client: TestClient) -> None:
    for colour in COLOURS:
        asked = {"query": colour, "limit": 4, "offset": 1, "min_score": -0.5}
        hits = client.post("/search", json=asked).json()["hits"]
        assert client.get("/search", params=asked).json() == [{"id": hit["id"], "score": hit["score"]} for hit in hits]


@pytest.mark.parametrize(
    ("parameters", "wrong"),
    [
        ({}, "query"),
        ({"query": ""}, "query"),
        ({"query": "  "}, "query"),
        ({"query": "x" * 2001}, "query"),
        ({"query": "red", "limit": "0"}, "limit"),
        ({"query": "red", "limit": "51"}, "limit"),
        ({"query": "red", "limit": "five"}, "limit"),
        ({"query": "red", "limit": "9" * 5000}, "limit"),
        ({"query": "red", "offset": "-1"}, "offset"),
        ({"query": "red", "offset": "100001"}, "offset"),
        ({"query": "red", "min_score": "nan"}, "min_score"),
        ({"query": "red", "min_score": "inf"}, "min_score"),
        ({"query": "red", "min_score": "2"}, "min_score"),
        ({"query": "red", "min_score": ""}, "min_score"),
    ],
)
def test_a_wrong_parameter_is_named(client: TestClient, parameters: dict[str, str], wrong: str) -> None:
    assert_problem(client.get("/search", params=parameters), 422, wrong)


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, "query"),
        ({"query": ""}, "query"),
        ({"query": None}, "query"),
        ({"query": ["red"]}, "query"),
        ({"query": "red", "limit": "5"}, "limit"),
        ({"query": "red", "limit": True}, "limit"),
        ({"query": "red", "limit": 2**70}, "limit"),
        ({"query": "red", "offset": -1}, "offset"),
        ({"query": "red", "min_score": "high"}, "min_score"),
        ({"query": "red", "min_scoer": 0.2}, "min_scoer"),
        ([], "body"),
        ("red", "body"),
    ],
)
def test_a_wrong_field_is_named(client: TestClient, body: object, wrong: str) -> None:
    assert_problem(client.post("/search", json=body), 422, wrong)


def test_all_wrong_fields_are_listed(client: TestClient) -> None:
    problem = client.post("/search", json={"query": 1, "limit": "x", "colour": 1}).json()
    assert [entry["parameter"] for entry in problem["errors"]] == ["query", "limit", "colour"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422),
        (b"{", 400),
        (b"\xff\xfe{}", 400),
        (b'{"query": ' + b"[" * 100_000, 400),
        (b'{"query": "red", "limit": ' + b"9" * 5000 + b"}", 400),
        (b'{"query": "red", "min_score": NaN}', 422),
        (b'{"query": "\\ud800"}', 422),
        (b'{"query": "red", "\\ud800": 1}', 422),
        (b'{"query": 1, "query": "red\\u0000 thing"}', 200),
        (b'{"query": "red \\udfff thing"}', 200),
    ],
)
def test_whatever_bytes_are_sent_the_answer_is_no_server_error(client: TestClient, body: bytes, status: int) -> None:
    response = client.post("/search", content=body, headers={"content-type": "application/json"})
    assert response.status_code == status, response.text
    response.json()


@pytest.mark.parametrize("query", ["red%00thing", "%ED%A0%80", "%FF%FE", "%F0%9F%9A%97", "red&query=blue"])
def test_odd_characters_in_a_query_string_are_answered(client: TestClient, query: str) -> None:
    assert client.get(f"/search?query={query}").status_code == 200


def test_a_body_over_the_limit_is_refused_announced_or_not(client: TestClient) -> None:
    large = b'{"query": "' + b"x" * 30_000_000 + b'"}'
    assert_problem(client.post("/search", content=large, headers={"content-type": "application/json"}), 413)
    pieces = (large[start : start + 1_000_000] for start in range(0, len(large), 1_000_000))
    assert_problem(client.post("/search", content=pieces, headers={"content-type": "application/json"}), 413)


def test_neighbours_of_a_picture_leave_it_out(client: TestClient) -> None:
    response = client.get("/images/1/similar", params={"limit": 3})
    assert response.status_code == 200
    answer = response.json()
    assert set(answer) == {"hits", "no_match", "model", "collection", "generation", "took_ms"}
    assert len(answer["hits"]) == 3
    assert 1 not in [hit["id"] for hit in answer["hits"]]
    assert_problem(client.get("/images/99/similar"), 404)
    assert_problem(client.get("/images/1/similar?limit=0"), 422, "limit")


def test_without_an_index_searching_says_what_to_do_and_works_once_there_is_one(
    empty_client: TestClient, empty_store: MemoryStore, tmp_path: Path
) -> None:
    for response in (
        empty_client.get("/search?query=red"),
        empty_client.post("/search", json={"query": "red"}),
        empty_client.get("/images/1"),
        empty_client.get("/readyz"),
    ):
        assert_problem(response, 503)
        assert int(response.headers["retry-after"]) > 0
        assert "python -m search_app index" in response.json()["detail"]
    index_pictures(empty_store, tmp_path)
    assert empty_client.get("/search?query=red").json()[0]["id"] == 1
    assert empty_client.get("/readyz").status_code == 200
