"""The whole grammar over HTTP: forms, mixtures, filters, batches, explanations, and a caller's mistakes in them."""

import json
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from search_app.api.app import create_app
from search_app.index.memory.store import MemoryStore
from tests.api.test_search import assert_problem
from tests.search.printed_world import fill, serve


@pytest.fixture(scope="module")
def printed() -> Iterator[TestClient]:
    """Pictures with words on them; their files do not exist."""
    store = MemoryStore("images")
    fill(store)
    with TestClient(create_app(lambda: serve(store))) as client:
        yield client


def ids(answer: dict) -> list[int]:
    return [hit["id"] for hit in answer["hits"]]


def red_picture(folder: Path) -> bytes:
    return (folder / "red" / "a picture.png").read_bytes()


def test_a_picture_is_a_query_in_base64_as_a_data_url_and_in_a_form(client: TestClient, folder: Path) -> None:
    data = red_picture(folder)
    text = b64encode(data).decode()
    answers = [
        client.post("/search", json={"image": text}),
        client.post("/search", json={"terms": [{"image": f"data:image/png;base64,{text}"}]}),
        client.post("/search", files={"image": ("a.png", data, "image/png")}),
        client.post("/search", files=[("image", ("a.png", data))], data={"options": '{"limit": 5}'}),
    ]
    for answer in answers:
        assert answer.status_code == 200, answer.text
        assert ids(answer.json()) == ids(answers[0].json())
    assert answers[0].json()["hits"][0] | {"relevance": 0} == answers[0].json()["hits"][0] | {"relevance": 0}
    assert answers[0].json()["hits"][0]["path"] == "red/a picture.png"


def test_words_and_a_picture_are_mixed_by_weight(client: TestClient, folder: Path) -> None:
    image = b64encode(red_picture(folder)).decode()

    def best(red: float, blue: float) -> str:
        terms = [{"image": image, "weight": red}, {"text": "blue", "weight": blue}]
        return client.post("/search", json={"terms": terms}).json()["hits"][0]["path"]

    assert best(5, 1) == "red/a picture.png"
    assert best(1, 5) == "blue/a picture.png"


def test_likes_and_dislikes(client: TestClient) -> None:
    paths = {hit["path"]: hit["id"] for hit in client.post("/search", json={"query": "red", "limit": 9}).json()["hits"]}
    red, blue = paths["red/a picture.png"], paths["blue/a picture.png"]
    liked = client.post("/search", json={"like": [red], "limit": 9}).json()
    assert red not in ids(liked), "a picture is no answer to itself"
    assert [hit["id"] for hit in client.get(f"/search?like={red}&limit=9").json()] == ids(liked)
    less = client.post("/search", json={"query": "blue thing", "unlike": [blue], "limit": 9}).json()
    assert blue not in ids(less)


def test_print_is_searched_together_alone_and_not_at_all(printed: TestClient) -> None:
    answers = {
        mode: printed.post("/search", json={"query": "sale", "words": mode, "limit": 60, "fold": False}).json()
        for mode in ("fused", "only", "off")
    }
    by_form = [hit for hit in answers["only"]["hits"] if hit["words"]]
    assert by_form[0]["by"] in {"form", "meaning"}
    assert by_form[0]["words"][0]["spans"]
    [left, top, right, bottom] = by_form[0]["words"][0]["span_boxes"][0]
    assert 0.1 <= left < right <= 0.9
    assert (top, bottom) == (0.1, 0.2)
    assert ids(answers["off"]) == [hit["id"] for hit in printed.get("/search?query=sale&limit=60").json()]
    assert not any(hit["words"] for hit in answers["off"]["hits"])
    assert ids(answers["fused"]) != ids(answers["off"])
    fused = printed.get("/search?query=sale&limit=60&words=fused").json()
    assert [hit["id"] for hit in fused] != ids(answers["off"])
    assert all(list(hit) == ["id", "score"] for hit in fused)


def test_the_line_where_relevance_ends(printed: TestClient) -> None:
    answer = printed.post("/search", json={"query": "sale", "limit": 60, "fold": False}).json()
    values = [hit["relevance"] for hit in answer["hits"]]
    assert values == sorted(values, reverse=True)
    above = [hit["id"] for hit in answer["hits"] if hit["relevance"] >= 0.5]
    assert answer["relevant"] == len(above) > 0
    assert answer["no_match"] is False
    cut = printed.get("/search?query=sale&limit=60&words=fused&min_relevance=0.5").json()
    assert [hit["id"] for hit in cut] == above


def test_filters_and_counts(printed: TestClient) -> None:
    body = {
        "query": "sale",
        "limit": 60,
        "fold": False,
        "filter": {"folder": "cars", "width": {"gte": 620}, "not": {"colour": "red"}},
        "facets": ["colour", "folder", "meta.topic"],
    }
    answer = printed.post("/search", json=body).json()
    assert answer["hits"]
    assert all(hit["path"].startswith("cars/") and hit["width"] >= 620 for hit in answer["hits"])
    assert sum(entry["count"] for entry in answer["facets"]["colour"]) == answer["relevant"]
    assert "red" not in [entry["value"] for entry in answer["facets"]["colour"]]
    where = "filter=folder:cars&filter=width>=620&filter=-colour:red"
    same = printed.get(f"/search?query=sale&limit=60&words=fused&{where}").json()
    assert {hit["id"] for hit in same} == set(ids(answer))


def test_what_was_understood_can_be_undone(printed: TestClient) -> None:
    told = printed.post("/search", json={"query": "car without people"}).json()
    assert told["understood"] == {"text": "car", "without": ["people"]}
    plain = printed.post("/search", json={"query": "car without people", "understand": False}).json()
    assert plain["understood"] == {"text": "car without people", "without": []}
    assert told["query"] == plain["query"] == "car without people"


def test_a_batch_answers_each_in_its_place(printed: TestClient) -> None:
    queries = [{"query": "sale"}, {"query": "dog", "words": "off", "limit": 2}]
    answers = printed.post("/search/batch", json={"queries": queries}).json()["answers"]
    for query, answer in zip(queries, answers, strict=True):
        alone = printed.post("/search", json=query).json()
        assert answer | {"took_ms": 0} == alone | {"took_ms": 0}
    assert_problem(printed.post("/search/batch", json={"queries": [{"query": "a"}, {"query": ""}]}), 422, "query")
    assert_problem(printed.post("/search/batch", json={"queries": [{"query": "a"}] * 33}), 422, "queries")


def test_an_explanation_adds_up(client: TestClient) -> None:
    hit = client.post("/search", json={"query": "red without blue"}).json()["hits"][0]
    why = client.get(f"/images/{hit['id']}/explain", params={"query": "red without blue"}).json()
    assert (why["id"], why["relevance"]) == (hit["id"], hit["relevance"])
    assert why["score"] == pytest.approx(hit["score"], abs=1e-6)
    assert [(term["kind"], term["text"], term["weight"]) for term in why["terms"]] == [
        ("text", "red", 1.0),
        ("text", "blue", -0.5),
    ]
    total = sum(term["evidence"]["image"] for term in why["terms"])
    assert total == pytest.approx(hit["evidence"]["image"], abs=2e-3)
    whole = client.post(f"/images/{hit['id']}/explain", json={"query": "red without blue"}).json()
    assert whole == why
    liked = client.post(f"/images/{hit['id']}/explain", json={"terms": [{"text": "red", "weight": 2}]}).json()
    assert [(term["kind"], term["weight"]) for term in liked["terms"]] == [("text", 2.0)]
    assert why["heat"]["rows"] == len(why["heat"]["cells"])
    assert all(0 <= cell <= 1 for row in why["heat"]["cells"] for cell in row)


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({"terms": [{"text": "a", "id": 3}]}, "terms"),
        ({"terms": [{}]}, "terms"),
        ({"terms": [{"text": "a", "weight": 0}]}, "terms"),
        ({"terms": [{"text": "a", "weight": 11}]}, "terms"),
        ({"query": "a", "terms": [{"text": "b"}] * 17}, "terms"),
        ({"terms": [{"text": "a", "weight": -1}]}, "query"),
        ({"image": "not base64!"}, "image"),
        ({"image": b64encode(b"no picture").decode()}, "image"),
        ({"query": "a", "words": "maybe"}, "words"),
        ({"query": "a", "diversity": 2}, "diversity"),
        ({"query": "a", "min_relevance": -0.1}, "min_relevance"),
        ({"query": "a", "sort": "colour"}, "sort"),
        ({"query": "a", "filter": {"nose": "red"}}, "filter"),
        ({"query": "a", "filter": {"colour": "mauve"}}, "filter"),
        ({"query": "a", "filter": {"width": {"gte": "wide"}}}, "filter"),
        ({"query": "a", "filter": {"width": [[1]]}}, "filter"),
        ({"query": "a", "filter": {"width": None}}, "filter"),
        ({"query": "a", "facets": ["path"]}, "facets"),
        ({"query": "a", "facets": ["colour"] * 9}, "facets"),
    ],
)
def test_a_wrong_part_is_named(client: TestClient, body: dict, wrong: str) -> None:
    response = client.post("/search", json=body)
    assert_problem(response, 422, response.json().get("parameter"))
    assert response.json()["parameter"].split(".")[0] == wrong


def test_an_unknown_picture_is_not_found(client: TestClient) -> None:
    assert_problem(client.post("/search", json={"like": [99]}), 404)
    assert_problem(client.get("/search?like=99"), 404)
    assert_problem(client.get("/images/99/explain?query=red"), 404)


def test_a_form_with_something_else_is_refused(client: TestClient) -> None:
    assert_problem(client.post("/search", files={"picture": ("a.png", b"x")}), 422, "picture")
    assert_problem(client.post("/search", data={"query": "red"}, files={"image": ("a.png", b"x")}), 422, "image")
    assert_problem(client.post("/search", files={"image": ("a.png", b"x")}, data={"options": "{"}), 400)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=6), inner, max_size=2),
    max_leaves=4,
)
field_names = st.sampled_from(
    ["query", "limit", "filter", "facets", "terms", "like", "sort", "words", "diversity", "fold"]
)
bodies = st.dictionaries(field_names, json_values | st.just("red"), max_size=4)
filters = st.dictionaries(
    st.sampled_from(["colour", "width", "date", "meta.topic", "not", "folder"]), json_values, max_size=2
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=bodies | st.builds(lambda where: {"query": "red", "filter": where}, filters))
def test_no_body_is_a_server_error(printed: TestClient, body: dict) -> None:
    response = printed.post("/search", content=json.dumps(body), headers={"content-type": "application/json"})
    assert response.status_code in {200, 404, 422}, response.text
