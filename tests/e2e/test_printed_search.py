"""Pictures and print together, over real pictures with sidecar texts and the models that ship."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import SAMPLE, Service, search_app, start_service

ENV = {"SEARCH_MODEL": "lite", "SEARCH_WORDS": "on"}
TEXTS = {
    "cars": "Drive away today. No deposit, two years of free service.",
    "coffee": "Slowly roasted by hand. Your morning deserves it.",
    "beauty": "Feel at home in your skin.",
    "drinks": "Cold since 1911. Zephyrine Lemonade.",
    "garden": "Grow something. Seeds for small balconies.",
}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    home = tmp_path_factory.mktemp("printed")
    for kind, text in TEXTS.items():
        (home / "pictures" / kind).mkdir(parents=True)
        for path in sorted((SAMPLE / kind).iterdir())[:7]:
            (home / "pictures" / kind / path.name).write_bytes(path.read_bytes())
            (home / "pictures" / kind / f"{path.name}.txt").write_text(text, "utf-8")
    done = search_app("index", "pictures", cwd=home, env=ENV)
    assert done.status == 0, done.err
    started = start_service(home, ENV)
    yield started
    started.stop()


def ask(service: Service, query: str, **more: object) -> dict:
    answer = service.client.post("/search", json={"query": query, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


def kinds(answer: dict) -> list[str]:
    return [Path(hit["path"]).parts[0] for hit in answer["hits"]]


def test_a_slogan_a_name_and_an_idea_find_their_pictures(service: Service) -> None:
    for query, kind in (
        ("zephyrine lemonade", "drinks"),
        ("slowly roasted by hand", "coffee"),
        ("what can I plant on my balcony?", "garden"),
    ):
        answer = ask(service, query)
        assert kinds(answer) == [kind] * 5, query
        assert answer["no_match"] is False
        assert all(hit["evidence"]["meaning"] + hit["evidence"]["form"] > 0 for hit in answer["hits"])
    [line] = ask(service, "zephyrine", limit=1)["hits"][0]["words"]
    assert [line["text"][first:last] for first, last in line["spans"]] == ["Zephyrine"]


def test_what_is_in_the_picture_is_still_found_by_the_picture(service: Service) -> None:
    answer = ask(service, "a car")
    assert kinds(answer) == ["cars"] * 5
    assert kinds(ask(service, "a car", words="off")) == ["cars"] * 5


def test_nothing_matches_what_is_neither_shown_nor_printed(service: Service) -> None:
    for query in ("quantum chromodynamics lecture", "zxqv wkrr"):
        answer = ask(service, query)
        assert answer["no_match"] is True, answer
        assert len(answer["hits"]) == 5, "the nearest are given all the same"
        assert ask(service, query, min_relevance=0.5)["hits"] == []
        listed = service.client.get("/search", params={"query": query}).json()
        assert len(listed) == 5


def test_an_explanation_names_lines_by_meaning(service: Service) -> None:
    hit = ask(service, "no money down")["hits"][0]
    assert kinds({"hits": [hit]}) == ["cars"]
    why = service.client.get(f"/images/{hit['id']}/explain", params={"query": "no money down"}).json()
    assert why["relevance"] == hit["relevance"]
    assert why["terms"][0]["evidence"]["meaning"] == pytest.approx(hit["evidence"]["meaning"], abs=2e-3)
    assert len(why["heat"]["cells"]) == why["heat"]["rows"]
