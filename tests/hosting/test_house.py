"""What is open and what is not: names, models that are shared, idle ones, a limit, and what cannot be opened."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from search_app.errors import EncoderError, IndexUnavailable
from search_app.hosting.failures import FIRST_PAUSE_S, LONGEST_PAUSE_S, Failures
from search_app.hosting.house import Rules
from search_app.hosting.models import MOST_SPARE, ModelShelf
from search_app.index.base import IndexStore
from tests.api.test_search import assert_problem
from tests.hosting.test_switching import PATIENCE_S, answered_by
from tests.hosting.world import SeededEncoder, World, edge_world, house_in
from tests.index.points import eventually

SLOW_EYES = 3600.0
"""Seconds: a house that looks at nothing by itself within a test."""


@pytest.fixture
def two(tmp_path: Path) -> World:
    """`images` made by `first`, `images-v2` by `second`, embedded."""
    made = edge_world(tmp_path)
    made.fill("images", "first", pictures=5)
    made.fill("images-v2", "second", pictures=5)
    return made


def by_path(client: TestClient, name: str) -> str:
    answer = client.post(f"/collections/{name}/search", json={"query": "red car"})
    assert answer.status_code == 200, answer.text
    return f"{answer.json()['collection']} {answer.json()['model']}"


def test_every_collection_answers_at_its_own_path_with_its_own_model(world: World) -> None:
    with world.serving() as client:
        assert (by_path(client, "images"), by_path(client, "images-v2")) == ("images first", "images-v2 second")
        assert answered_by(client) == "images"
        hit = client.post("/collections/images-v2/search", json={"query": "red car"}).json()["hits"][0]
        assert hit["url"] == f"/collections/images-v2/images/{hit['id']}"
        for name in ("images-v3", "images__000001", "%2e%2e", "a b", ""):
            answer = client.get(f"/collections/{name}/search?query=red")
            assert answer.status_code == 404, name
        assert_problem(client.get("/collections/images-v3/info"), 404)


def test_what_an_alias_leads_to_answers_by_the_alias_too(world: World) -> None:
    catalogue = world.catalogue()
    catalogue.switch("live", "images-v2")
    with world.serving(own="live") as client:
        assert (answered_by(client), by_path(client, "live")) == ("images-v2", "images-v2 second")
        assert world.open_models() == ["second"], "the model of the settings is not needed"
        switch_name(client, world, "live", "images")
        assert by_path(client, "live") == "images first"
        catalogue.remove("live")
        listed = client.get("/collections").json()["collections"]
        assert [(one["name"], one["aliases"]) for one in listed] == [("images", []), ("images-v2", [])]
    catalogue.close()


def switch_name(client: TestClient, world: World, alias: str, collection: str) -> None:
    catalogue = world.catalogue()
    catalogue.switch(alias, collection)
    eventually(lambda: by_path(client, alias).partition(" ")[0] == collection, PATIENCE_S)
    catalogue.close()


def test_collections_of_one_model_share_it(two: World) -> None:
    two.fill("more", "first", pictures=3)
    with two.serving() as client:
        assert (by_path(client, "more"), by_path(client, "images")) == ("more first", "images first")
        assert [one.spec.name for one in two.encoders] == ["first"]


def test_the_model_does_not_wait_for_the_index_and_what_was_opened_for_nothing_is_closed(two: World) -> None:
    def refuse(_: str) -> IndexStore:
        eventually(lambda: bool(two.encoders), PATIENCE_S)
        raise IndexUnavailable("the disk is gone")

    two.store = refuse
    with pytest.raises(IndexUnavailable, match="the disk is gone"):
        two.open_house()
    assert two.open_models() == []


def test_an_alias_and_its_collection_are_one_open_index(two: World) -> None:
    catalogue = two.catalogue()
    catalogue.switch("live", "images-v2")
    with two.serving() as client:
        before = two.owners()
        assert by_path(client, "live") == by_path(client, "images-v2") == "images-v2 second"
        assert (two.owners() - before, len(house_in(client).services())) == (1, 2)
    catalogue.close()


def test_what_nobody_asks_is_closed_and_opened_again_and_the_own_one_never_is(two: World) -> None:
    rules = Rules(idle_seconds=0.2, look_seconds=0.05)
    with two.serving(rules=rules) as client:
        alone = two.owners()
        for _ in range(2):
            assert by_path(client, "images-v2") == "images-v2 second"
            eventually(lambda: two.owners() == alone and two.open_models() == ["first"], PATIENCE_S)
        assert house_in(client).open_models() == {"images": "first"}
        assert answered_by(client) == "images"


def test_no_more_are_open_than_may_be_and_the_one_asked_longest_ago_makes_room(two: World) -> None:
    for name in ("more", "most"):
        two.fill(name, "first", pictures=3)
    with two.serving(rules=Rules(most_open=2, look_seconds=0.05)) as client:
        house = house_in(client)
        for name in ("images-v2", "more", "most", "more"):
            by_path(client, name)
            assert sorted(house.open_models()) == sorted(["images", name])
        lease = house.at_hand("more")
        assert lease is not None
        answer = client.get("/collections/most/search?query=red")
        assert_problem(answer, 503)
        assert "SEARCH_OPEN_COLLECTIONS" in answer.json()["detail"]
        assert by_path(client, "more") == "more first"
        lease.release()
        eventually(lambda: client.get("/collections/most/search?query=red").status_code == 200, PATIENCE_S)


def test_many_who_ask_for_a_closed_collection_wait_for_one_opening_and_hold_up_nobody(two: World) -> None:
    with two.serving() as client, ThreadPoolExecutor(60) as pool:
        two.held.clear()
        waiting = [pool.submit(client.get, "/collections/images-v2/search?query=red") for _ in range(60)]
        house = house_in(client)
        eventually(lambda: bool(house._begun), PATIENCE_S)
        assert answered_by(client) == "images", "more wait than there are worker threads"
        two.held.set()
        answers = [one.result() for one in waiting]
        assert any(answer.status_code == 200 for answer in answers)
        refused = {answer.json()["detail"] for answer in answers if answer.status_code != 200}
        assert all("more is asked" in detail for detail in refused), "all come at once when it is open"
        assert [one.spec.name for one in two.encoders] == ["first", "second"]


@pytest.mark.parametrize("fault", ["broken", "mad"])
def test_where_the_new_one_cannot_be_opened_the_old_one_goes_on_and_it_is_told(two: World, fault: str) -> None:
    """A model that cannot be opened, and one that can and answers nonsense."""
    catalogue, models = two.catalogue(), {"broken": two.broken, "mad": two.mad}[fault]
    models.add("second")
    with two.serving() as client:
        catalogue.switch("images", "images-v2")
        eventually(lambda: "note" in client.get("/readyz").json(), PATIENCE_S)
        ready, info = client.get("/readyz").json(), client.get("/info").json()
        assert (ready["status"], ready["collection"], ready["note"]) == ("ready", "images", info["note"])
        assert "'images-v2' cannot be opened" in info["note"]
        assert answered_by(client) == "images"
        models.clear()
        eventually(lambda: answered_by(client) == "images-v2", PATIENCE_S)
        assert "note" not in client.get("/readyz").json()
        assert "note" not in client.get("/info").json()
    catalogue.close()


def test_what_is_switched_back_before_it_could_be_opened_leaves_no_note(two: World) -> None:
    catalogue = two.catalogue()
    two.broken.add("second")
    with two.serving() as client:
        catalogue.switch("images", "images-v2")
        eventually(lambda: "note" in client.get("/readyz").json(), PATIENCE_S)
        catalogue.back("images")
        eventually(lambda: "note" not in client.get("/readyz").json(), PATIENCE_S)
        assert answered_by(client) == "images"
    catalogue.close()


def test_a_collection_that_cannot_be_opened_is_told_and_not_tried_at_every_request(two: World) -> None:
    two.broken.add("second")
    with two.serving() as client:
        for _ in range(3):
            answer = client.get("/collections/images-v2/search?query=red")
            assert_problem(answer, 503)
            assert "the weights of second are gone" in answer.json()["detail"]
        two.broken.clear()
        eventually(lambda: client.get("/collections/images-v2/search?query=red").status_code == 200, PATIENCE_S)


def test_a_collection_that_another_model_makes_anew_is_answered_by_that_one(two: World) -> None:
    with two.serving() as client:
        assert by_path(client, "images-v2") == "images-v2 second"
        two.fill("images-v2", "third", pictures=4)
        eventually(lambda: _answers(client, "images-v2") == "images-v2 third", PATIENCE_S)


def test_the_own_collection_runs_the_model_of_the_settings_and_refuses_another(two: World) -> None:
    two.fill("images", "third", pictures=4)
    with two.serving() as client:
        answer = client.get("/search?query=red")
        assert_problem(answer, 503)
        assert "runs model first" in answer.json()["detail"]


def _answers(client: TestClient, name: str) -> str:
    answer = client.post(f"/collections/{name}/search", json={"query": "red car"})
    return f"{answer.json()['collection']} {answer.json()['model']}" if answer.status_code == 200 else ""


def test_a_collection_that_is_dropped_is_not_found_any_more(two: World) -> None:
    catalogue = two.catalogue()
    rules = Rules(idle_seconds=0.2, look_seconds=0.05)
    with two.serving(rules=rules) as client:
        by_path(client, "images-v2")
        eventually(lambda: house_in(client).open_models() == {"images": "first"}, PATIENCE_S)
        catalogue.drop("images-v2")
        eventually(lambda: client.get("/collections/images-v2/info").status_code == 404, PATIENCE_S)
    catalogue.close()


def test_a_house_that_is_closed_while_it_opens_something_closes_that_too(two: World) -> None:
    house = two.open_house(rules=Rules(look_seconds=SLOW_EYES))
    two.held.clear()
    begun = house.begin("images-v2")
    closing = threading.Thread(target=house.close)
    closing.start()
    eventually(house._stop.is_set, PATIENCE_S)
    two.held.set()
    closing.join(PATIENCE_S)
    assert begun.exception() is not None
    eventually(lambda: two.open_models() == [] and two.owners() == 0, PATIENCE_S)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_models_that_nobody_has_are_kept_for_a_while_and_only_a_few() -> None:
    opened: list[SeededEncoder] = []

    def open_model(name: str) -> SeededEncoder:
        opened.append(SeededEncoder(name))
        return opened[-1]

    clock = Clock()
    shelf = ModelShelf(open_model, 10, clock)
    first = shelf.borrow("first")
    assert shelf.borrow("first") is first
    shelf.give_back("first")
    clock.now = 100.0
    shelf.sweep()
    assert not first.is_closed, "somebody has it still"
    shelf.give_back("first")
    clock.now = 109.0
    shelf.sweep()
    assert not first.is_closed
    clock.now = 110.0
    shelf.sweep()
    assert first.is_closed
    for name in ("first", "second", "third"):
        shelf.borrow(name)
        clock.now += 1
        shelf.give_back(name)
    assert (len(opened) - 1 - MOST_SPARE, [one.is_closed for one in opened[1:]]) == (1, [True, False, False])
    kept = shelf.borrow("third")
    shelf.close()
    assert (opened[2].is_closed, kept.is_closed) == (True, False)
    shelf.give_back("third")
    assert kept.is_closed
    with pytest.raises(EncoderError, match="stopped"):
        shelf.borrow("first")


def test_a_model_that_cannot_be_opened_is_tried_anew_and_takes_no_place() -> None:
    shelf = ModelShelf(SeededEncoder, 10)
    for _ in range(2):
        with pytest.raises(EncoderError, match="no weights"):
            shelf.borrow("unknown")
    assert shelf.names() == []


def test_what_fails_is_tried_less_and_less_often_until_something_else_is_wanted() -> None:
    clock = Clock()
    failures = Failures(clock)
    pause = FIRST_PAUSE_S
    for _ in range(8):
        failures.add("live", "images-v2", EncoderError("gone"))
        clock.now += pause - 0.01
        assert failures.is_recent("live")
        clock.now += 0.02
        assert not failures.is_recent("live")
        pause = min(2 * pause, LONGEST_PAUSE_S)
    failures.forget("live", unless="images-v2")
    assert "'images-v2'" in failures.note("live")
    failures.add("live", "images-v3", EncoderError("gone"))
    clock.now += FIRST_PAUSE_S
    assert not failures.is_recent("live")
    failures.forget("live", unless="images-v2")
    assert failures.note("live") == ""
