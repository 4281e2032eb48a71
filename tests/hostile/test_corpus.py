"""The corpus of nasty files through the front door: exactly the bad ones are refused, and none takes others along."""

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, clean_environment, start_service
from tests.hostile import corpus

PATIENCE_S = 240
MOST_MIB = 1_000
"""Of the whole process, its model included; one process alone has its engine."""
LITE = {"SEARCH_MODEL": "lite", "SEARCH_WORDS": "off", "PYTHONPATH": str(ROOT)}
MEASURE = """
import json, resource, subprocess, sys
done = subprocess.run(sys.argv[1:], capture_output=True, text=True)
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
print(json.dumps({"status": done.returncode, "out": done.stdout, "err": done.stderr, "peak_mib": peak}))
"""


@dataclass(frozen=True)
class Run:
    """An index run over the corpus."""

    home: Path
    files: list[corpus.Nasty]
    told: dict[str, Any]
    report: dict[str, Any]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    home = tmp_path_factory.mktemp("hostile")
    files = corpus.write(home / "pictures")
    index = [sys.executable, "-m", "search_app", "index", "pictures", "--json", "report.json"]
    command = [sys.executable, "-c", MEASURE, *index]
    environment = clean_environment(**LITE)
    done = subprocess.run(
        command, cwd=home, env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=True
    )
    told = json.loads(done.stdout)
    assert told["status"] == 0, told
    return Run(home, files, told, json.loads((home / "report.json").read_text("utf-8")))


def test_there_are_many_and_each_has_its_own_name(run: Run) -> None:
    assert len({nasty.name for nasty in run.files}) == len(run.files) >= 100


def test_exactly_the_bad_ones_are_refused_each_with_its_reason(run: Run) -> None:
    reasons = {entry["path"]: entry["reason"] for entry in run.report["skipped"]}
    wrong = {}
    for nasty in run.files:
        reason = reasons.pop(nasty.shown, corpus.INDEXED if nasty.outcome != corpus.PASSED_OVER else corpus.PASSED_OVER)
        if not re.search(nasty.outcome, reason):
            wrong[nasty.shown] = (nasty.outcome, reason)
    assert wrong == {}
    assert reasons == {}, "reported, but not in the corpus"
    indexed = [nasty for nasty in run.files if nasty.outcome == corpus.INDEXED]
    assert run.report["total"] >= len(indexed)


def test_memory_stays_bounded(run: Run) -> None:
    assert run.told["peak_mib"] < MOST_MIB


def test_nothing_else_came_of_them(run: Run) -> None:
    """No command in a name was run, nothing was written beside the index and the report."""
    assert {path.name for path in run.home.iterdir()} == {"pictures", "report.json", "qdrant_storage"}


def test_a_name_cannot_steer_the_terminal(run: Run) -> None:
    for stream in ("out", "err"):
        assert "\x1b" not in run.told[stream]
        assert "\u202e" not in run.told[stream]
    assert r"skipped bad\nname \x1b[31m <b>.jpg: the file is empty" in run.told["out"]


def test_every_picture_is_served_under_its_id(run: Run) -> None:
    service = start_service(run.home, LITE)
    try:
        hits = service.client.post("/search", json={"query": "a picture", "limit": 200, "fold": False}).json()["hits"]
        assert len(hits) == run.report["total"]
        paths = {nasty.shown for nasty in run.files}
        for hit in hits:
            assert hit["path"] in paths
            picture = service.client.get(hit["url"])
            assert picture.status_code == 200, hit["path"]
            assert picture.headers["content-type"].startswith("image/"), hit["path"]
            assert picture.headers["x-content-type-options"] == "nosniff"
            small = service.client.get(hit["thumbnail_url"])
            assert small.status_code == 200, (hit["path"], small.text)
            assert len(small.content) < 500_000
    finally:
        service.stop()
