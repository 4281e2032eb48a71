"""The main job, as a newcomer meets it: the bundled sample, the `lite` encoder, curl."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import SAMPLE, Service, clean_environment, search_app, start_service, started

LITE = {"SEARCH_MODEL": "lite"}


def paths_of(service: Service, query: str, limit: int = 5) -> list[str]:
    answer = service.client.post("/search", json={"query": query, "limit": limit}).raise_for_status()
    return [hit["path"] for hit in answer.json()["hits"]]


@pytest.mark.parametrize("path", ["/search?query=car", "/search/?query=car"])
def test_the_contract_is_a_bare_list_of_five_best_first(lite_service: Service, path: str) -> None:
    answer = lite_service.client.get(path)
    assert (answer.status_code, answer.history) == (200, [])
    hits = answer.json()
    assert isinstance(hits, list)
    assert [set(hit) for hit in hits] == [{"id", "score"}] * 5
    assert all(isinstance(hit["id"], int) and isinstance(hit["score"], float) for hit in hits)
    assert [hit["score"] for hit in hits] == sorted((hit["score"] for hit in hits), reverse=True)


def test_the_query_car_finds_cars_only(lite_service: Service) -> None:
    assert all(path.startswith("cars/") for path in paths_of(lite_service, "car")), paths_of(lite_service, "car")


def test_ids_are_given_in_path_order_from_one(lite_service: Service) -> None:
    answer = lite_service.client.post("/search", json={"query": "anything", "limit": 1000}).raise_for_status()
    in_id_order = [hit["path"] for hit in sorted(answer.json()["hits"], key=lambda hit: hit["id"])]
    assert in_id_order == sorted(in_id_order)
    assert sorted(hit["id"] for hit in answer.json()["hits"]) == list(range(1, len(in_id_order) + 1))


def test_pictures_come_back_as_they_are(lite_service: Service) -> None:
    hit = lite_service.client.post("/search", json={"query": "car"}).json()["hits"][0]
    answer = lite_service.client.get(hit["url"])
    assert answer.content == (SAMPLE / hit["path"]).read_bytes()
    assert answer.headers["content-type"].startswith("image/")


def test_a_second_run_embeds_nothing(lite_sample: Path) -> None:
    report = lite_sample / "report.json"
    done = search_app("index", SAMPLE, "--json", report, cwd=lite_sample, env=LITE)
    assert done.status == 0, done.err
    told = json.loads(report.read_text())
    assert (told["indexed"], told["removed"], told["renamed"], told["skipped"]) == (0, 0, 0, [])
    assert told["unchanged"] == sum(1 for path in SAMPLE.rglob("*") if path.is_file() and not path.name.startswith("."))


def test_the_terminal_answers_beside_the_running_service(lite_service: Service, lite_sample: Path) -> None:
    done = search_app("search", "car", "-k", 3, "--json", cwd=lite_sample, env=LITE)
    assert done.status == 0, done.err
    served = lite_service.client.get("/search", params={"query": "car", "limit": 3}).json()
    assert [hit["id"] for hit in json.loads(done.out)] == [hit["id"] for hit in served]


def test_a_service_without_an_index_says_so_and_works_once_there_is_one(tmp_path: Path) -> None:
    service = start_service(tmp_path, LITE, ready=False)
    try:
        assert service.client.get("/readyz").status_code == 503
        refused = service.client.get("/search?query=car")
        assert refused.status_code == 503
        assert "Retry-After" in refused.headers
        assert "search_app index" in refused.json()["detail"]
        few = tmp_path / "few"
        few.mkdir()
        for path in sorted((SAMPLE / "cars").iterdir())[:3]:
            (few / path.name).write_bytes(path.read_bytes())
        assert search_app("index", few, cwd=tmp_path, env=LITE).status == 0
        wait_for(lambda: service.client.get("/readyz").status_code == 200)
        assert len(service.client.get("/search?query=car").json()) == 3
    finally:
        service.stop()


def test_a_new_index_is_picked_up_without_a_failed_request(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    sources = sorted(path for path in SAMPLE.rglob("*.jpg"))[:12]
    for number, path in enumerate(sources[:6]):
        (folder / f"{number}.jpg").write_bytes(path.read_bytes())
    assert search_app("index", folder, cwd=tmp_path, env=LITE).status == 0
    service = start_service(tmp_path, LITE)
    try:
        for number, path in enumerate(sources[6:], 6):
            (folder / f"{number}.jpg").write_bytes(path.read_bytes())
        (folder / "0.jpg").unlink()
        indexing = started("search_app", "index", folder, cwd=tmp_path, env=LITE)
        statuses: list[int] = []
        asked_until = time.monotonic() + 3
        while indexing.poll() is None or time.monotonic() < asked_until:
            statuses.append(service.client.get("/search?query=car").status_code)
            time.sleep(0.02)
        assert set(statuses) == {200}
        wait_for(lambda: len(service.client.get("/search?query=car&limit=50").json()) == 11)
    finally:
        service.stop()


def wait_for(condition: Callable[[], bool], limit: float = 60) -> None:
    deadline = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.1)


def test_another_model_is_refused_with_the_remedy(lite_sample: Path) -> None:
    done = search_app("index", SAMPLE, cwd=lite_sample, env={"SEARCH_MODEL": "stub"})
    assert done.status == 2
    assert "lite" in done.err
    assert "--rebuild" in done.err
    assert "Traceback" not in done.err


def test_the_service_with_lite_never_imports_torch(lite_sample: Path) -> None:
    code = (
        "import sys\n"
        "from search_app.wiring import open_service\n"
        "from search_app.search.query import SearchQuery\n"
        "service = open_service(); service.search(SearchQuery('car')); service.close()\n"
        "print([name for name in ('torch', 'open_clip') if name in sys.modules])\n"
    )
    environment = clean_environment(**LITE)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=lite_sample, env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "[]", done.stderr


def test_the_page_is_there(lite_service: Service) -> None:
    page = lite_service.client.get("/")
    assert page.status_code == 200
    assert "<form" in page.text
