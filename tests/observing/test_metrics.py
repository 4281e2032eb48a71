"""`/metrics` tells what was asked, exactly, and nothing that a caller could fill it with."""

import gzip
import logging
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import anyio
import httpx
import numpy as np
import pytest
from fastapi.testclient import TestClient
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics

from search_app.api.app import create_app
from search_app.api.guarding.guard import Guard
from search_app.api.guarding.keys import KeyRing, Scope, new_key
from search_app.api.guarding.rates import Rates
from search_app.search.baseline import NO_MATCH
from search_app.search.neutral import NEUTRAL_QUERIES
from search_app.settings import load_settings, told
from search_app.wiring_http import open_observing
from tests.api.conftest import Opened, opened  # noqa: F401  # a fixture
from tests.conftest import ROOT
from tests.observing.reading import Scraped
from tests.search.colours import COLOURS, ColourEncoder, colour_vectors, open_colours

LABELS = {"collection": "colours", "model": "colours"}
READER, READER_LINE = new_key("ann", Scope.READ)
WRITER, WRITER_LINE = new_key("bob", Scope.WRITE)
SCRAPER, SCRAPER_LINE = new_key("prometheus", Scope.METRICS)


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    with TestClient(create_app(lambda: open_colours(tmp_path / "pictures", max_limit=50)[0])) as client:
        yield client


def test_a_mixed_load_is_counted_exactly(client: TestClient) -> None:
    picture = (client.get("/images/1").content, "image/png")
    statuses = Counter({("/images/{image_id}", "200"): 1})
    asked: Counter[tuple[str, str, str]] = Counter()
    colours = list(COLOURS)

    def ask(number: int) -> None:
        name = colours[number % 7]
        get = client.get("/search", params={"query": f"{name} number {number}"})
        again = client.get("/search/", params={"query": f"{name} number {number}"})
        words = client.post("/search", json={"query": f"{name} thing {number}", "words": "off"})
        picture_like = client.get(f"/images/{1 + number % 7}/similar")
        mixture = client.post("/search", files={"image": ("a.png", *picture)}, data={"query": name})
        assert {one.status_code for one in (get, again, words, picture_like, mixture)} == {200}
        assert get.text == again.text
        batch = client.post("/search/batch", json={"queries": [{"query": name}, {"query": name, "limit": 2}]})
        assert batch.status_code == 200
        assert client.get("/search").status_code == 422
        assert client.get(f"/images/{100 + number}").status_code == 404
        assert client.get(f"/nothing/{number}").status_code == 404
        assert client.get("/images/2/thumbnail").status_code == 200
        answers = [words.json(), mixture.json(), picture_like.json(), *batch.json()["answers"]]
        outcomes.extend("no_match" if one["no_match"] else "match" for one in answers)

    outcomes: list[str] = []
    rounds = 60
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(ask, range(rounds)))
    scraped = Scraped(client)

    statuses += Counter(
        {
            ("/search", "200"): 4 * rounds,
            ("/search", "422"): rounds,
            ("/search/batch", "200"): rounds,
            ("/images/{image_id}/similar", "200"): rounds,
            ("/images/{image_id}", "404"): rounds,
            ("none", "404"): rounds,
            ("/images/{image_id}/thumbnail", "200"): rounds,
        }
    )
    assert scraped.by("search_requests_total", "route", "status") == statuses
    assert scraped.total("search_request_duration_seconds_count") == statuses.total()
    asked += Counter({("words", "unranked", "index"): rounds, ("words", "unranked", "memory"): rounds})
    by_source = scraped.by("search_queries_total", "kind", "outcome", "source")
    assert {key: count for key, count in by_source.items() if key[1] == "unranked"} == asked
    by_kind = scraped.by("search_queries_total", "kind")
    assert by_kind == {("words",): 5 * rounds, ("picture",): rounds, ("mixture",): rounds}
    by_outcome = scraped.by("search_queries_total", "outcome")
    assert by_outcome == {("unranked",): 2 * rounds, **{(name,): n for name, n in Counter(outcomes).items()}}
    assert scraped.by("search_memory_answers_total", "result") == {("hit",): rounds, ("miss",): 2 * rounds}
    assert scraped.total("search_thumbnails_total") == rounds
    assert scraped.total("search_thumbnails_total", result="miss") >= 1
    # all but repeated questions were searched for: two of each batch, one of everything else
    searched = 6 * rounds
    assert scraped.total("search_stage_duration_seconds_count", stage="encode", **LABELS) == searched
    assert scraped.total("search_stage_duration_seconds_count", stage="search", **LABELS) == searched
    assert scraped.total("search_stage_duration_seconds_count", stage="fuse", **LABELS) == searched - rounds
    assert scraped.total("search_stage_duration_seconds_count", stage="serialise", **LABELS) == 5 * rounds
    assert scraped.total("search_turn_wait_seconds_count") == searched + rounds  # what is refused had its turn
    assert scraped.total("search_top_score_count", **LABELS) == 7 * rounds
    assert scraped.total("search_top_relevance_count", **LABELS) == 5 * rounds
    assert scraped.total("search_requests_in_progress") == 1  # this one
    assert scraped.total("search_turns_running") == scraped.total("search_turns_waiting") == 0


def test_what_a_caller_makes_up_is_in_no_label(client: TestClient) -> None:
    for number in range(50):
        client.get("/search", params={"query": f"marked-{number}"})
        client.get(f"/marked-{number}")
        client.get(f"/images/marked-{number}")
        client.get(f"/static/marked-{number}.js")
        client.request(f"MARKED{number}", "/search")
        client.get("/info", headers={"x-api-key": f"marked-{number}", "x-request-id": f"marked-{number}"})
    scraped = Scraped(client)
    assert "marked" not in scraped.text.lower()
    assert {sample.labels["method"] for sample in scraped.samples("search_requests_total")} == {"GET", "other"}
    routes = {sample.labels["route"] for sample in scraped.samples("search_requests_total")}
    assert routes == {"/search", "/images/{image_id}", "/info", "/static", "none"}


def test_a_scraper_gets_the_form_it_asks_for(client: TestClient) -> None:
    client.get("/search?query=red")
    plain = client.get("/metrics")
    assert plain.headers["content-type"].startswith("text/plain; version=")
    accept = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"
    openly = client.get("/metrics", headers={"accept": accept})
    assert openly.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert openly.text.endswith("# EOF\n")
    names = {family.name for family in open_metrics(openly.text)}
    assert {"search_requests", "search_index_pictures", "search_build", "process_cpu_seconds"} <= names
    # httpx undoes it: looked at as it comes
    with client.stream("GET", "/metrics", headers={"accept-encoding": "gzip"}) as packed:
        assert packed.headers["content-encoding"] == "gzip"
        assert b"search_requests_total" in gzip.decompress(b"".join(packed.iter_raw()))


def test_index_model_and_age_are_told(client: TestClient) -> None:
    scraped = Scraped(client)
    assert scraped.total("search_index_pictures", **LABELS) == len(COLOURS)
    assert scraped.total("search_index_generation", **LABELS) == 1
    committed = scraped.total("search_index_last_commit_timestamp_seconds", **LABELS)
    assert 0 <= scraped.total("process_start_time_seconds") < committed
    assert scraped.total("search_model_info", dim="4", device="cpu", **LABELS) == 1
    assert scraped.total("search_index_up") == 1
    assert scraped.by("search_baseline_no_match_ratio", "answerable") == {("yes",): 0.1, ("no",): 0.68}


def test_the_baseline_is_what_the_docs_measured() -> None:
    table = (ROOT / "docs" / "search.md").read_text("utf-8").split("<!-- table: no match -->")[1]
    fused = next(line for line in table.splitlines() if line.startswith("| fused |")).split("|")
    assert (float(fused[2]), float(fused[3])) == (NO_MATCH["no"], NO_MATCH["yes"])


def test_everyday_sentences_give_the_baseline_of_scores(client: TestClient) -> None:
    end = time.monotonic() + 60
    while not (found := list(Scraped(client).samples("search_baseline_top_score"))) and time.monotonic() < end:
        time.sleep(0.01)
    asked, pictures = ColourEncoder().encode_texts(NEUTRAL_QUERIES), colour_vectors(list(COLOURS.values()))
    best = (asked @ pictures.T).max(axis=1)
    assert [sample.labels["quantile"] for sample in found] == ["0.1", "0.5", "0.9"]
    np.testing.assert_allclose([sample.value for sample in found], np.quantile(best, [0.1, 0.5, 0.9]), atol=1e-6)


def test_without_an_index_everything_else_is_told(tmp_path: Path) -> None:
    from search_app.index.memory.store import MemoryStore
    from search_app.search.service import SearchService

    app = create_app(lambda: SearchService(ColourEncoder(), MemoryStore("empty").reader()))
    with TestClient(app) as client:
        assert client.get("/search?query=red").status_code == 503
        scraped = Scraped(client)
        assert scraped.total("search_index_up") == 0
        assert not list(scraped.samples("search_index_pictures"))
        assert scraped.total("search_requests_total", route="/search", status="503") == 1


def test_keys_decide_who_sees_it_and_refusals_are_told_apart(opened: Opened) -> None:  # noqa: F811
    guard = Guard(
        keys=KeyRing(f"{READER_LINE} {WRITER_LINE} {SCRAPER_LINE}"), rates=Rates(3), hosts=frozenset({"images.example"})
    )
    client = opened(guard)
    named = {"host": "images.example"}
    assert client.get("/metrics", headers=named).status_code == 401
    assert client.get("/metrics", headers=named | {"x-api-key": READER}).status_code == 403
    assert client.get("/search?query=red", headers=named | {"x-api-key": "guessed"}).status_code == 401
    assert client.get("/search?query=red", headers=named | {"x-api-key": SCRAPER}).status_code == 403
    assert client.get("/search?query=red").status_code == 421
    assert client.get("/search?query=red", headers=named | {"x-api-key": "guessed"}).status_code == 401
    assert client.get("/search?query=red", headers=named | {"x-api-key": "guessed"}).status_code == 429
    assert (
        client.post("/judgements", content=b"x" * 1_000_001, headers=named | {"x-api-key": WRITER}).status_code == 413
    )
    # whoever has the key may ask by any name: a scraper asks by address
    answer = client.get("/metrics", headers={"x-api-key": SCRAPER})
    assert answer.status_code == 200
    client.headers["x-api-key"] = SCRAPER
    refused = Scraped(client).by("search_refusals_total", "reason")
    expected = {("no_key",): 1, ("scope",): 2, ("unknown_key",): 2, ("host",): 1, ("rate",): 1, ("body",): 1}
    assert refused == expected


def test_what_the_service_mended_is_counted(client: TestClient) -> None:
    logger = logging.getLogger("search_app.somewhere")
    logger.warning("the model is stuck", extra={"event": "model_stuck"})
    logger.warning("nothing to count")
    logger.warning("unknown", extra={"event": "made_up"})
    assert Scraped(client).by("search_incidents_total", "incident") == {("model_stuck",): 1}


def test_info_tells_every_setting_and_no_secret(tmp_path: Path) -> None:
    secret = new_key("ann", Scope.READ)[1]
    settings = load_settings(
        api_keys=secret, qdrant_api_key="of-the-cluster", index_dir=tmp_path / "somewhere" / "indexes", model="stub"
    )
    app = create_app(lambda: open_colours(tmp_path / "pictures")[0], open_observing=lambda: open_observing(settings))
    with TestClient(app) as client:
        configuration = client.get("/info").json()["configuration"]
        text = client.get("/info").text
    assert configuration == told(settings)
    assert set(configuration) == {str(field.validation_alias) for field in type(settings).model_fields.values()}
    assert configuration["SEARCH_API_KEYS"] == configuration["QDRANT_API_KEY"] == "set"
    assert configuration["QDRANT_URL"] == "unset"
    assert (configuration["SEARCH_INDEX_DIR"], configuration["SEARCH_MAX_LIMIT"]) == ("indexes", 1000)
    assert "of-the-cluster" not in text
    assert secret.rpartition(":")[2] not in text
    assert "somewhere" not in text


@pytest.mark.parametrize("word", ["key", "secret", "password", "token"])
def test_settings_that_sound_secret_are_kept(word: str) -> None:
    fields = type(load_settings()).model_fields
    open_ones = [name for name, field in fields.items() if word in name and field.repr and not name.endswith("_file")]
    assert open_ones == []


def test_a_scrape_waits_for_no_search(client: TestClient) -> None:
    """All worker threads taken: `/metrics` has one of its own."""
    from anyio import to_thread

    async def take_all() -> int:
        limiter = to_thread.current_default_thread_limiter()
        holders = [object() for _ in range(int(limiter.available_tokens))]
        for holder in holders:
            limiter.acquire_on_behalf_of_nowait(holder)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(client.app), base_url="http://x") as asking:
            with anyio.fail_after(30):
                answer = await asking.get("/metrics")
        for holder in holders:
            limiter.release_on_behalf_of(holder)
        return answer.status_code

    assert client.portal is not None
    assert client.portal.call(take_all) == 200
