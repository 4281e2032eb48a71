"""The benchmarks of a query, of load and of the start work, and their tables are made of what they keep."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.speed import made_up, overload, query, results, serving, start
from tests.conftest import ROOT, clean_environment


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """The option that lets benchmarks share their collection, which the first of them makes."""
    return "--home", str(tmp_path_factory.mktemp("home"))


def run(name: str, tmp_path: Path, *options: str) -> results.Result:
    command = [sys.executable, "-m", "benchmarks", name, "--quick", "--results", str(tmp_path), *options]
    done = subprocess.run(command, cwd=ROOT, env=clean_environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    kept = results.read(name, results=tmp_path)
    assert str(tmp_path.parent) not in kept.command
    return kept


def test_made_up_queries_are_all_different() -> None:
    assert len({made_up.sentence(number) for number in range(made_up.DIFFERENT)}) == made_up.DIFFERENT


def test_a_query_is_measured_stage_by_stage_and_whole(tmp_path: Path, home: tuple[str, str]) -> None:
    kept = run("query", tmp_path, "--no-clip", *home)
    assert kept.figures["requests"].keys() == {"lite GET", "lite POST", "lite GET again", "lite POST again"}
    table = query.table(kept)
    assert table.count("stage of `POST`") == 6
    assert "ViT-B/32" not in table


def test_the_plain_way_stands_in_the_table_where_it_was_measured(tmp_path: Path) -> None:
    one = {"p50": 10.0, "low": 9.0, "high": 30.0, "p99": 20.0, "n": 300}
    ratio = {"ratio": {"median": 8.0, "low": 7.0, "high": 9.0}}
    names = ("lite GET", "lite POST", "lite GET again", "lite POST again", "plain GET", "ViT-B/32 GET")
    figures = {
        "model": "ViT-B-32, random",
        "tokenise": one,
        "stages": {"fuse": one},
        "requests": dict.fromkeys(names, one | ratio),
        "tower": {"ours": one, "plain": one} | ratio,
    }
    table = query.table(results.Bench("query", results=tmp_path).write(figures, "python -m benchmarks query"))
    row = (
        "| `GET /search` with ViT-B/32, never asked before | >= 5 times | p50 10.00, p99 20.00 ms | 8.0 (7.0 to 9.0) |"
    )
    assert row in table


@pytest.mark.skipif(shutil.which("wrk") is None, reason="the load comes from wrk, which is not installed")
def test_load_is_measured(tmp_path: Path, home: tuple[str, str]) -> None:
    kept = run("serving", tmp_path, *home)
    assert {one["per_second"] > 0 for one in kept.figures["loads"].values()} == {True}
    assert serving.table(kept).count("clients |") == len(kept.figures["loads"])


def test_overload_is_measured(tmp_path: Path, home: tuple[str, str]) -> None:
    kept = run("overload", tmp_path, *home)
    for kind in overload.KINDS:
        found = kept.figures["kinds"][kind]
        assert found["normal"]["answered_per_second"] > 0
        assert found["over"]["asked_per_second"] > found["normal"]["asked_per_second"]
    assert overload.table(kept).count("twice of it") == 2


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="memory is read from Linux's /proc")
def test_start_and_size_are_measured(tmp_path: Path) -> None:
    kept = run("start", tmp_path)
    (found,) = kept.figures["services"].values()
    assert 0 < found["asked_mb"]["anonymous"] < found["asked_mb"]["pss"] <= found["asked_mb"]["rss"]
    assert "`import search_app.main` | <= 0.8 s |" in start.table(kept)
