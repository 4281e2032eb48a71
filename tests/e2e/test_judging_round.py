"""A round of judging from the pool to the numbers: over HTTP everywhere, in a real browser where there is one."""

import json
import os
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import ir_measures
import pytest

from tests.conftest import SAMPLE, Service, search_app, start_service

LITE = {"SEARCH_MODEL": "lite", "SEARCH_WORDS": "off"}
TOPICS = {"wheels": "a car", "glass": "a cold drink with ice"}
MEASURES = ["nDCG@10", "AP", "P@5"]
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
# A root user has no sandbox, and a browser that looks for updates waits for hosts that a test machine may not reach.
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
HOSTILE = "<img src=x onerror=boom>"


def grade_of(query: str, path: str) -> int:
    """What our assessor finds: cars are cars, every second drink is cold."""
    if query == TOPICS["wheels"]:
        return 2 if path.startswith("cars/") else 0
    return 1 + len(path) % 2 if path.startswith("drinks/") else 0


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small indexed collection, one name in it with a space, and a round for each test."""
    home = tmp_path_factory.mktemp("judging")
    for kind in ("cars", "drinks", "sports"):
        (home / "pictures" / kind).mkdir(parents=True)
        for path in sorted((SAMPLE / kind).iterdir())[:4]:
            shutil.copy(path, home / "pictures" / kind / f"a {path.name}")
    assert search_app("index", "pictures", cwd=home, env=LITE).status == 0
    (home / "topics.tsv").write_text("".join(f"{qid}\t{text}\n" for qid, text in TOPICS.items()), "utf-8")
    for name in ("http", "browser"):
        systems = ("--systems", "model", "random", "--depth", 4, "--name", name)
        done = search_app("judgements", "pool", "--topics", "topics.tsv", *systems, cwd=home, env=LITE)
        assert done.status == 0, done.err
        assert "from lite, random" in done.out
    return home


@pytest.fixture(scope="module")
def service(home: Path) -> Iterator[Service]:
    service = start_service(home, LITE)
    yield service
    service.stop()


def wait_for(condition: Callable[[], bool], limit: float = 60) -> None:
    deadline = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def paths(service: Service) -> dict[int, str]:
    hits = service.client.post("/search", json={"query": "anything", "limit": 100}).json()["hits"]
    return {hit["id"]: hit["path"] for hit in hits}


def check_export(home: Path, name: str, assessor: str) -> None:
    """The exported files hold exactly what was judged, and `evaluate` measures with them what ir_measures does."""
    files = ("--qrels", f"{name}.qrels", "--topics", f"{name}.tsv")
    done = search_app("judgements", "export", *files, "--round", name, "--assessor", assessor, cwd=home, env=LITE)
    assert done.status == 0, done.err
    assert (home / f"{name}.tsv").read_text("utf-8") == (home / "topics.tsv").read_text("utf-8")
    judged = [line.split(" ") for line in (home / f"{name}.qrels").read_text("utf-8").splitlines()]
    assert {qid for qid, *_ in judged} == set(TOPICS)
    for qid, zero, path, grade in judged:
        assert zero == "0"
        assert "%20" in path
        assert int(grade) == grade_of(TOPICS[qid], path)
    assert min(Counter(qid for qid, *_ in judged).values()) >= 4, "a pool of two systems, four deep"
    report = ("--measures", *MEASURES, "--run", f"{name}.run", "--json", f"{name}.json")
    done = search_app("evaluate", *files, *report, cwd=home, env=LITE)
    assert done.status == 0, done.err
    found = json.loads((home / f"{name}.json").read_text())["measures"]
    wanted = [ir_measures.parse_measure(measure) for measure in MEASURES]
    qrels = [ir_measures.Qrel(qid, path, grade_of(TOPICS[qid], path)) for qid, _, path, _ in judged]
    run = list(ir_measures.read_trec_run(str(home / f"{name}.run")))
    expected = ir_measures.calc_aggregate(wanted, qrels, run)
    assert {measure: figure["value"] for measure, figure in found.items()} == {
        str(measure): pytest.approx(value, abs=1e-9) for measure, value in expected.items()
    }
    assert 0 < found["nDCG@10"]["value"] <= 1


def judge_by_http(service: Service, paths: dict[int, str], name: str, assessor: str) -> int:
    """Go through a round as our assessor does, each post sent twice; gives the number of pictures."""
    count = 0
    while items := service.client.get(f"/judgements/rounds/{name}/next?assessor={assessor}&limit=1").json()["items"]:
        [item] = items
        body: dict[str, Any] = {"assessor": assessor, "round": name, "query": item["query"], "uuid": str(uuid4())}
        body |= {"content_hash": item["content_hash"], "grade": grade_of(item["query"], paths[item["image_id"]])}
        for _ in range(2):
            service.client.post("/judgements", json=body).raise_for_status()
        count += 1
    return count


def test_a_round_over_http_ends_in_qrels_that_evaluate_takes(
    home: Path, service: Service, paths: dict[int, str]
) -> None:
    count = judge_by_http(service, paths, "http", "ann")
    assert count == service.client.get("/judgements/rounds/http").json()["size"]
    check_export(home, "http", "ann")
    runs = ("--runs", "http.run", "--depth", 3, "--name", "From runs")
    pooled = search_app("judgements", "pool", "--topics", "topics.tsv", *runs, cwd=home, env=LITE)
    assert "round from-runs: 2 queries, 6 pictures, from http.run\n" in pooled.out, pooled.err
    listed = search_app("judgements", "rounds", cwd=home, env=LITE)
    assert f"ann: {count} of {count}" in listed.out
    # What went out comes in again as somebody else's, once however often, and agrees.
    given = ("--qrels", "http.qrels", "--topics", "http.tsv", "--assessor", "elsewhere")
    first, again = (search_app("judgements", "import", *given, cwd=home, env=LITE) for _ in range(2))
    assert (first.status, again.status) == (0, 0), first.err + again.err
    stored = service.client.get("/judgements", params={"assessor": "elsewhere", "history": True}).json()
    assert stored["total"] == count
    told = search_app("judgements", "agreement", "http", cwd=home, env=LITE)
    assert told.status == 0, told.err
    assert "alpha: 1.000 nominal, 1.000 ordinal" in told.out
    assert f"ann and elsewhere: {count} shared" in told.out


@pytest.fixture
def page(service: Service) -> Iterator[Any]:
    """A page of a real browser; an error inside the page, or what its security policy refused, fails the test."""
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=QUIET, env={**os.environ})
        page = browser.new_context(base_url=service.url).new_page()
        page.set_default_timeout(60_000)
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda told: errors.append(told.text) if "Security Policy" in told.text else None)
        yield page
        browser.close()
    assert errors == []


class Judge:
    """Somebody at the keyboard who looks at the picture before each key."""

    def __init__(self, page: Any, paths: dict[int, str]) -> None:
        self.page = page
        self.paths = paths

    def begin(self, name: str, round_id: str) -> None:
        self.page.goto("/judge")
        self.page.fill("#assessor", name)
        self.page.check(f"input[value={round_id}]")
        self.page.keyboard.press("Enter")
        self.look()

    def look(self) -> tuple[str, int]:
        """The query and the picture's id, once both are there and keys are taken."""
        self.page.wait_for_selector("body[data-state=work] #work[aria-busy=false]")
        source = self.page.get_attribute("#picture", "src")
        return self.page.text_content("#asked"), int(source.split("/images/")[1].split("/")[0])

    def press(self, wrong: int = 0) -> int:
        query, shown = self.look()
        key = (grade_of(query, self.paths[shown]) + wrong) % 3
        self.page.keyboard.press(str(key))
        return shown

    def count(self) -> str:
        return str(self.page.text_content("#count"))


def test_a_round_by_the_page_ends_in_qrels_that_evaluate_takes(
    home: Path, service: Service, paths: dict[int, str], page: Any
) -> None:
    judge = Judge(page, paths)
    judge.begin("bob", "browser")
    size = judge_by_http(service, paths, "browser", "eve")
    judge.press()
    mistaken = judge.press(wrong=1)
    assert judge.count() == f"2 of {size}"
    page.keyboard.press("u")
    assert judge.look()[1] == mistaken
    judge.press()
    # The connection drops, and the page is loaded again before it is back.
    page.route("**/judgements", lambda route: route.abort())
    judge.press()
    wait_for(lambda: "1 waiting" in page.text_content("#saved"))
    page.reload()
    judge.look()
    assert judge.count() == f"3 of {size}"
    mistaken = judge.press(wrong=1)
    page.keyboard.press("Control+z")
    assert judge.look()[1] == mistaken
    page.unroute("**/judgements")
    wait_for(lambda: page.text_content("#saved") == "All saved", 30)
    page.reload()
    for _ in range(size - 3):
        judge.press()
    page.wait_for_selector("body[data-state=end]")
    wait_for(lambda: f"{size} judged" in page.text_content("#end-counts"))
    wait_for(lambda: f"bob and eve{size}100 %1.001.00" in page.text_content("#agreement"))
    exported = service.client.get("/" + page.get_attribute("#export-qrels", "href"))
    assert len(exported.text.splitlines()) == size
    history = service.client.get("/judgements", params={"assessor": "bob", "history": True, "limit": 1000}).json()
    assert Counter(each["verdict"] for each in history["judgements"]) == {"graded": size + 2, "withdrawn": 2}
    check_export(home, "browser", "bob")


def test_categories_are_picked_by_typing(home: Path, service: Service, paths: dict[int, str], page: Any) -> None:
    (home / "list.txt").write_text(f"1\tCars\n2\tDrinks\n3\tSports gear\n4\t{HOSTILE}\n", "utf-8")
    done = search_app("judgements", "pool", "--categories", "list.txt", "--sample", 5, cwd=home, env=LITE)
    assert done.status == 0, done.err
    judge = Judge(page, paths)
    judge.begin("bob", "list")
    assert page.text_content("#choices li >> nth=3").endswith(HOSTILE)
    assert page.locator("main img").count() == 1, "the picture alone: a name is never markup"
    for _ in range(5):
        _, shown = judge.look()
        page.keyboard.type(paths[shown][:3])
        page.keyboard.press("Enter")
        page.keyboard.press("Enter")
    page.wait_for_selector("body[data-state=end]")
    wait_for(lambda: page.text_content("#saved") == "All saved")
    files = ("--qrels", "c.qrels", "--topics", "c.tsv", "--kind", "category", "--round", "list")
    assert search_app("judgements", "export", *files, cwd=home, env=LITE).status == 0
    topics = dict(line.split("\t") for line in (home / "c.tsv").read_text("utf-8").splitlines())
    for line in (home / "c.qrels").read_text("utf-8").splitlines():
        qid, _, path, grade = line.split(" ")
        assert int(grade) == topics[qid].startswith(path.split("/")[0]), line


def test_a_thumb_on_the_search_page_is_stored_as_one(service: Service, paths: dict[int, str], page: Any) -> None:
    page.goto("/?q=a+green+thing")
    page.wait_for_selector(".tile:not(.waiting)")
    page.hover(".tile >> nth=1")
    page.click(".tile >> nth=1 >> [data-grade='0']")
    page.click(".tile >> nth=0 >> [data-grade='2']")
    asked = {"query": "a green thing", "source": "thumb"}
    wait_for(lambda: service.client.get("/judgements", params=asked).json()["total"] == 2)
    stored = service.client.get("/judgements", params=asked).json()["judgements"]
    assert [each["grade"] for each in stored] == [0, 2]
    page.reload()
    page.wait_for_selector(".tile [aria-pressed='true']")
    page.hover(".tile >> nth=0")
    page.click(".tile >> nth=0 >> [data-grade='2']")
    wait_for(lambda: service.client.get("/judgements", params=asked).json()["total"] == 1)
