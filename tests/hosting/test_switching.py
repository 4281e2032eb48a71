"""An alias is switched while the service is asked: no request fails, and no answer is of two collections."""

import itertools
import random
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import psutil
from fastapi.testclient import TestClient

from search_app.index.catalogue import Catalogue
from search_app.search.query import SearchQuery
from tests.hosting.world import WORDS, Oracle, ToldService, World, house_in
from tests.index.points import eventually

CLIENTS = 4
SWITCHES = 6
PATIENCE_S = 60.0
MADE_BY = {"images": "first", "images-v2": "second"}


def ask(client: TestClient, oracle: Oracle, seed: int, done: Event) -> list[str]:
    """Ask until it is `done`; the collections that answered, in their order."""
    drawn = random.Random(seed)
    answered = []
    while not done.is_set():
        words = drawn.choice(WORDS)
        if drawn.random() < 0.5:
            answer = client.get("/search", params={"query": words, "limit": 5})
            assert answer.status_code == 200, answer.text
            answered.append(oracle.answered_by(words, answer.json()))
        else:
            answer = client.post("/search", json={"query": words, "limit": 5, "words": "off"})
            assert answer.status_code == 200, answer.text
            told = answer.json()
            by = oracle.answered_by(words, told["hits"])
            assert (told["collection"], told["model"]) == (by, MADE_BY[by])
            assert {hit["path"].rpartition("-")[0] for hit in told["hits"]} == {by}
            answered.append(by)
    return answered


def answered_by(client: TestClient) -> str:
    return str(client.post("/search", json={"query": "red car"}).json()["collection"])


def open_files() -> int:
    return psutil.Process().num_fds()


def switch_and_wait(client: TestClient, catalogue: Catalogue, collection: str) -> None:
    catalogue.switch("images", collection)
    eventually(lambda: answered_by(client) == collection, PATIENCE_S)


def test_nothing_fails_and_nothing_is_mixed_while_an_alias_is_switched_to_and_fro(world: World) -> None:
    oracle, done, catalogue = Oracle(MADE_BY), Event(), world.catalogue()
    with world.serving() as client, ThreadPoolExecutor(CLIENTS) as pool:
        for collection in ("images-v2", "images"):  # each once before anything is counted
            switch_and_wait(client, catalogue, collection)
        eventually(lambda: world.owners() <= 1, PATIENCE_S)
        before = world.owners(), open_files()
        asking = [pool.submit(ask, client, oracle, seed, done) for seed in range(CLIENTS)]
        try:
            for collection, _ in zip(itertools.cycle(["images-v2", "images"]), range(SWITCHES), strict=False):
                switch_and_wait(client, catalogue, collection)
                assert not any(one.done() for one in asking)
        finally:
            done.set()
        answered = [one.result() for one in asking]
        assert all(len(set(each)) == len(MADE_BY) for each in answered), "every client was answered by both"
        eventually(lambda: world.owners() <= before[0] and open_files() <= before[1], PATIENCE_S)
        assert house_in(client).open_models() == {"images": "first"}
        assert sorted(world.open_models()) == ["first", "second"], "what may be switched back to is kept for a while"
    assert world.open_models() == []
    catalogue.close()


def test_a_request_ends_on_the_collection_it_began_with_which_is_closed_after_it(world: World) -> None:
    catalogue = world.catalogue()
    with world.serving() as client:
        house = house_in(client)
        lease = house.at_hand("images")
        assert lease is not None
        switch_and_wait(client, catalogue, "images-v2")
        service = lease.service
        assert isinstance(service, ToldService)
        assert (service.ready().collection, service.is_closed) == ("images", False)
        assert len(service.search_ids(SearchQuery(WORDS[0])).ids) > 0
        lease.release()
        lease.release()
        eventually(lambda: service.is_closed, PATIENCE_S)
        assert answered_by(client) == "images-v2"
    catalogue.close()
