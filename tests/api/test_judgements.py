"""The routes of judgements: what was answered is kept, mistakes are named, a round goes through to its qrels."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient

from search_app.api.app import create_app
from search_app.datatypes import Picture, Point
from search_app.evaluation.trec import encode_path, read_qrels
from search_app.index.memory.store import MemoryStore
from search_app.judgements.pictures import IndexedPictures
from search_app.judgements.rounds import Rounds
from search_app.judgements.store import JudgementStore
from search_app.judgements.values import PictureName, Round, RoundQuery
from search_app.search.service import SearchService
from tests.api.test_search import assert_problem
from tests.search.colours import COLOURS, SPEC, ColourEncoder, colour_vectors, open_colours

ROUND = "/judgements/rounds/colours"
AS_JSON = {"content-type": "application/json"}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[JudgementStore]:
    store = JudgementStore(tmp_path / "storage", encode_path)
    yield store
    store.close()


@pytest.fixture
def world(tmp_path: Path) -> tuple[SearchService, MemoryStore]:
    return open_colours(tmp_path / "pictures")


@pytest.fixture
def client(world: tuple[SearchService, MemoryStore], store: JudgementStore) -> Iterator[TestClient]:
    with TestClient(create_app(lambda: world[0], lambda: store)) as client:
        yield client


@pytest.fixture
def colours(world: tuple[SearchService, MemoryStore], store: JudgementStore) -> Round:
    """A round over four pictures for each of two queries."""
    names = list(IndexedPictures.of(world[0].reader.scan()).by_path.values())
    queries = (RoundQuery("q1", "a red thing", tuple(names[:4])), RoundQuery("q2", "blue", tuple(names[2:6])))
    made = Round("colours", "Colours", "grade", queries, seed=1, pooled_from=("secret system",))
    Rounds(store).add(made)
    return made


def said(**changes: Any) -> dict[str, Any]:
    body = {"uuid": str(uuid4()), "assessor": "ann", "query": "red", "grade": 2, "image_id": 1, **changes}
    return {name: value for name, value in body.items() if value is not None}


def next_of(client: TestClient, assessor: str = "ann", **more: int) -> dict[str, Any]:
    return client.get(f"{ROUND}/next", params={"assessor": assessor, **more}).raise_for_status().json()


def judge(client: TestClient, item: dict[str, Any], grade: int | None, **changes: Any) -> None:
    body = said(query=item["query"], content_hash=item["content_hash"], image_id=None, grade=grade, **changes)
    client.post("/judgements", json={**body, "round": "colours"}).raise_for_status()


def test_one_and_several_are_stored_and_listed(client: TestClient) -> None:
    one = said(query="  a   red\tthing ", assessor=" ann ")
    answer = client.post("/judgements", json=one)
    assert answer.status_code == 200, answer.text
    [stored] = answer.json()["judgements"]
    assert (stored["query"], stored["assessor"], stored["path"]) == ("a red thing", "ann", "red/a picture.png")
    assert (stored["grade"], stored["source"], stored["image_id"], stored["current"]) == (2, "judging", 1, True)
    batch = {"judgements": [said(image_id=number, assessor="bob", grade=0) for number in (1, 2, 3)]}
    assert len(client.post("/judgements", json=batch).json()["judgements"]) == 3

    def total(**parameters: object) -> int:
        found = client.get("/judgements", params=parameters).raise_for_status().json()
        assert len(found["judgements"]) == found["total"]
        return found["total"]

    assert total() == 4
    assert (total(assessor="bob"), total(image_id=1), total(query="red"), total(source="thumb")) == (3, 2, 3, 0)


def test_pages_follow_one_another(client: TestClient) -> None:
    client.post("/judgements", json={"judgements": [said(image_id=number) for number in range(1, 6)]})
    found, after = [], 0
    while after is not None:
        page = client.get("/judgements", params={"limit": 2, "after": after}).json()
        found += [each["image_id"] for each in page["judgements"]]
        after = page["next_after"]
    assert found == [1, 2, 3, 4, 5]


def test_a_repeated_post_changes_nothing(client: TestClient) -> None:
    body = said()
    first, again = client.post("/judgements", json=body), client.post("/judgements", json=body)
    assert first.json() == again.json()
    assert client.get("/judgements", params={"history": True}).json()["total"] == 1
    assert_problem(client.post("/judgements", json={**body, "grade": 0}), 422, "uuid")


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"grade": 3}, "grade"),
        ({"grade": -1}, "grade"),
        ({"grade": "2"}, "grade"),
        ({"grade": True}, "grade"),
        ({"grade": None}, "grade"),
        ({"grade": 1, "verdict": "withdrawn"}, "grade"),
        ({"image_id": 99}, "image_id"),
        ({"image_id": 2**70}, "image_id"),
        ({"image_id": None}, "content_hash"),
        ({"content_hash": "0" * 32}, "content_hash"),
        ({"image_id": None, "content_hash": "f" * 32}, "content_hash"),
        ({"assessor": " "}, "assessor"),
        ({"assessor": "x" * 65}, "assessor"),
        ({"query": None}, "query"),
        ({"query": "x" * 2001}, "query"),
        ({"uuid": "1"}, "uuid"),
        ({"uuid": None}, "uuid"),
        ({"round": "nowhere"}, "round"),
        ({"source": "rumour"}, "source"),
        ({"kind": "category"}, "query"),
        ({"gradee": 2}, "gradee"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_stored(client: TestClient, changes: dict[str, Any], wrong: str) -> None:
    answer = client.post("/judgements", json={"judgements": [said(), said(**changes)]})
    assert_problem(answer, 422, f"judgements.1.{wrong}")
    assert client.get("/judgements").json()["total"] == 0


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422),
        (b"{", 400),
        (b"[]", 422),
        (b"{}", 422),
        (b'{"judgements": []}', 422),
        (b'{"judgements": 1}', 422),
        (b'{"judgements": [' + b",".join([b"{}"] * 501) + b"]}", 422),
        (b'{"uuid": "' + b"x" * 1_000_000 + b'"}', 413),
    ],
)
def test_bodies_that_are_no_judgements(client: TestClient, body: bytes, status: int) -> None:
    answer = client.post("/judgements", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", None])
def test_a_page_of_another_site_cannot_judge(client: TestClient, kind: str | None) -> None:
    """Without asking first a browser lets other sites send these content types only."""
    headers = {"content-type": kind} if kind else {}
    answer = client.post("/judgements", content=json.dumps(said()), headers=headers)
    assert answer.status_code == 422, answer.text
    assert client.get("/judgements").json()["total"] == 0


@pytest.mark.parametrize(
    ("hostile", "kept"),
    [
        ("<img src=x onerror=alert(1)>", "<img src=x onerror=alert(1)>"),
        ("a\x00b\n", "a b"),
        ("'; DROP TABLE judgement; --", "'; DROP TABLE judgement; --"),
        ("\ud800x", "x"),
    ],
)
def test_hostile_words_are_words(client: TestClient, hostile: str, kept: str) -> None:
    stored = client.post("/judgements", content=json.dumps(said(query=hostile, assessor=hostile)), headers=AS_JSON)
    [judgement] = stored.raise_for_status().json()["judgements"]
    assert judgement["query"] == judgement["assessor"] == kept
    assert client.get("/judgements", params={"query": kept, "assessor": kept}).json()["total"] == 1
    export = client.get("/judgements/export", params={"form": "topics"})
    assert export.text.endswith(f"\t{kept}\n")
    assert export.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize("field", ["uuid", "round", "content_hash"])
def test_hostile_names_are_refused(client: TestClient, field: str) -> None:
    client.post("/judgements", json=said()).raise_for_status()
    body = said(image_id=None if field == "content_hash" else 1) | {field: "\ud800"}
    answer = client.post("/judgements", content=json.dumps(body), headers=AS_JSON)
    assert_problem(answer, 422, f"judgements.0.{field}")


@pytest.mark.parametrize(
    ("path", "status", "wrong"),
    [
        ("/judgements?limit=0", 422, "limit"),
        ("/judgements?after=-1", 422, "after"),
        ("/judgements?source=rumour", 422, "source"),
        ("/judgements?image_id=99", 404, None),
        ("/judgements/export?merge=sum", 422, "merge"),
        ("/judgements/export", 404, None),
        ("/judgements/export?round=nowhere", 404, None),
        ("/judgements/rounds/nowhere", 404, None),
        ("/judgements/rounds/nowhere/agreement", 404, None),
        ("/judgements/rounds/nowhere/next?assessor=ann", 404, None),
        (f"{ROUND}/next", 422, "assessor"),
        (f"{ROUND}/next?assessor=%20", 422, "assessor"),
        (f"{ROUND}/next?assessor=ann&limit=0", 422, "limit"),
    ],
)
def test_wrong_questions(client: TestClient, colours: Round, path: str, status: int, wrong: str | None) -> None:
    assert_problem(client.get(path), status, wrong)


def test_without_a_store_and_without_a_folder_to_write_to_it_is_said_and_searching_goes_on(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for number, open_judgements in enumerate((None, lambda: JudgementStore(tmp_path / "file", encode_path))):
        app = create_app(lambda number=number: open_colours(tmp_path / str(number))[0], open_judgements)
        with TestClient(app) as client:
            answer = client.post("/judgements", json=said())
            assert_problem(answer, 503)
            assert "judgements" in answer.json()["detail"]
            assert client.get("/search?query=red").json()[0]["id"] == 1


def test_a_round_tells_nothing_that_sways_and_stays_in_order(client: TestClient, colours: Round) -> None:
    first = next_of(client)
    assert first["progress"] == {"assessor": "ann", "graded": 0, "skipped": 0, "total": 8, "missing": 0}
    assert [item["query"] for item in first["items"]] == ["a red thing"] * 4 + ["blue"] * 4
    assert "secret" not in client.get("/judgements/rounds").text + client.get(f"{ROUND}/next?assessor=ann").text
    assert not {"path", "score", "rank"} & set(first["items"][0])
    assert client.get(first["items"][0]["thumbnail_url"]).status_code == 200
    assert next_of(client)["items"] == first["items"]
    assert next_of(client, limit=2)["items"] == first["items"][:2]
    assert next_of(client, "bob")["items"] != first["items"]


def test_undo_brings_a_picture_back_in_its_place(client: TestClient, colours: Round) -> None:
    before = next_of(client)["items"]
    judge(client, before[0], 2)
    judge(client, before[1], None, verdict="skipped")
    after = next_of(client)
    assert after["items"] == before[2:]
    assert [(item["content_hash"], item["verdict"]) for item in after["done"]] == [
        (before[1]["content_hash"], "skipped"),
        (before[0]["content_hash"], "graded"),
    ]
    judge(client, before[0], None, verdict="withdrawn")
    again = next_of(client)
    assert again["items"][0] == before[0]
    assert (again["progress"]["graded"], again["progress"]["skipped"]) == (0, 1)


def test_two_people_through_a_round_to_agreement_and_qrels(client: TestClient, colours: Round, tmp_path: Path) -> None:
    grades = {"red": 2, "green": 0, "blue": 1}
    for name in ("ann", "bob"):
        while items := next_of(client, name, limit=1)["items"]:
            colour = list(COLOURS)[items[0]["image_id"] - 1]
            judge(client, items[0], grades.get(colour, 0), assessor=name)
    [listed] = client.get("/judgements/rounds").json()["rounds"]
    assert [(each["assessor"], each["graded"]) for each in listed["progress"]] == [("ann", 8), ("bob", 8)]
    agreement = client.get(f"{ROUND}/agreement").json()
    assert (agreement["units"], agreement["alpha_ordinal"], agreement["pairs"][0]["kappa"]) == (8, 1, 1)
    qrels = tmp_path / "qrels.txt"
    qrels.write_bytes(client.get("/judgements/export", params={"round": "colours"}).content)
    assert read_qrels(qrels).grades["q1"] == {
        "red/a picture.png": 2,
        "green/a picture.png": 0,
        "blue/a picture.png": 1,
        "yellow/a picture.png": 0,
    }
    topics = client.get("/judgements/export", params={"round": "colours", "form": "topics"})
    assert topics.text == "q1\ta red thing\nq2\tblue\n"
    assert "topics.tsv" in topics.headers["content-disposition"]


def test_labels_survive_a_rebuild_and_a_picture_that_is_gone(
    client: TestClient, colours: Round, world: tuple[SearchService, MemoryStore], tmp_path: Path
) -> None:
    item = next_of(client)["items"][0]
    judge(client, item, 2)
    with world[1].writer(SPEC, str(tmp_path / "pictures"), rebuild=True) as writer:
        names = zip(COLOURS, colour_vectors(list(COLOURS.values())), strict=True)
        for number, (name, vector) in enumerate(names, 1):
            picture = Picture(f"moved/{name}.png", f"{number:032x}", 1000, 1, 640, 400, "PNG")
            writer.upsert([Point(100 + number, vector, picture)])
        writer.commit()
    [kept] = client.get("/judgements").json()["judgements"]
    assert kept["content_hash"] == item["content_hash"]
    assert kept["image_id"] != item["image_id"], "a rebuild gives new ids"
    assert client.get("/judgements/export").text.split()[2].startswith("moved/")
    with world[1].writer(SPEC, str(tmp_path / "pictures")) as writer:
        writer.delete([known.id for known in writer.scan()][1:])
        writer.commit()
    progress = next_of(client)["progress"]
    assert (progress["total"], progress["graded"] + progress["missing"]) == (8, 8 - len(next_of(client)["items"]))
    gone = colours.queries[1].pictures[0]
    late = said(query="blue", image_id=None, content_hash=gone.content_hash, round="colours")
    assert client.post("/judgements", json=late).status_code == 200, "what was on the screen is kept"


def test_categories_are_judged_as_sets(client: TestClient, store: JudgementStore, colours: Round) -> None:
    pictures = tuple(PictureName(each.content_hash, each.path) for each in colours.queries[0].pictures)
    Rounds(store).add(Round("topics", "Topics", "category", (RoundQuery("p", "", pictures),), categories=("a", "b")))
    item = client.get("/judgements/rounds/topics/next?assessor=ann").json()["items"][0]
    body = said(kind="category", query=None, grade=None, image_id=None, content_hash=item["content_hash"])
    sent = {**body, "categories": ["b", " a", "b"], "round": "topics"}
    [stored] = client.post("/judgements", json=sent).raise_for_status().json()["judgements"]
    assert stored["categories"] == ["a", "b"]
    assert len(client.get("/judgements/rounds/topics/next?assessor=ann").json()["items"]) == 3
    assert client.get("/judgements/export?round=topics").text.count(" 1\n") == 2


def test_without_an_index_what_was_judged_can_be_read(store: JudgementStore, colours: Round) -> None:
    empty = SearchService(ColourEncoder(), MemoryStore("empty").reader())
    with TestClient(create_app(lambda: empty, lambda: store)) as client:
        assert next_of(client)["progress"]["missing"] == 8
        assert_problem(client.post("/judgements", json=said()), 503)
        kept = said(image_id=None, content_hash=colours.queries[0].pictures[0].content_hash)
        assert client.post("/judgements", json=kept).status_code == 200
        assert client.get("/judgements").json()["judgements"][0]["image_id"] is None
