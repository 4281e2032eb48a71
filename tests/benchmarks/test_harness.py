"""The harness of the speed benchmarks: turns, ratios, and tables that are what the kept figures say."""

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.speed import pairs, results, tables, targets

ROOT = Path(__file__).resolve().parents[2]


def test_ways_take_turns_and_the_first_round_does_not_count() -> None:
    order: list[str] = []

    def way(name: str) -> pairs.Way:
        def run() -> int:
            order.append(name)
            return 4

        return run

    timed = pairs.in_turn({"ours": way("ours"), "plain": way("plain")}, rounds=2)
    assert order == ["plain", "ours", "ours", "plain", "plain", "ours"]
    assert [len(each.seconds) for each in timed.values()] == [2, 2]


def test_seconds_are_of_one_unit() -> None:
    def way() -> int:
        time.sleep(0.05)
        return 50

    timed = pairs.in_turn({"only": way}, rounds=1, warm=0)["only"]
    assert 0.001 <= timed.median < 0.01


def test_calls_take_turns() -> None:
    order: list[str] = []
    calls = {name: [lambda name=name: order.append(name)] * 3 for name in ("a", "b")}
    timed = pairs.each_call(calls)
    assert order == ["a", "b"] * 3
    assert len(timed["a"].seconds) == 3


def test_a_ratio_has_an_interval_around_it() -> None:
    ours, theirs = pairs.Timed((1.0, 1.1, 0.9, 1.0)), pairs.Timed((2.0, 2.2, 1.8, 3.0))
    ratio = pairs.times_faster(ours, theirs)
    assert ratio.median == pytest.approx(2.0)
    assert ratio.low == pytest.approx(2.0)
    assert ratio.low <= ratio.median <= ratio.high
    assert str(ratio).startswith("2.00 (2.00 to ")


def test_milliseconds_have_the_99th_percentile_where_there_are_enough() -> None:
    many = pairs.Timed(tuple(number / 1000 for number in range(1, 101)))
    assert many.milliseconds() == {"p50": 50.5, "low": 1.0, "high": 100.0, "p99": 100.0, "n": 100}
    assert "p99" not in pairs.Timed((0.1,)).milliseconds()


def test_a_result_is_kept_with_its_machine(tmp_path: Path) -> None:
    written = results.Bench("trial", results=tmp_path).write({"ratio": 2.0}, "python -m benchmarks trial")
    assert results.read("trial", results=tmp_path) == written
    assert written.machine["cores"] >= 1
    assert "pillow" in written.versions
    assert str(ROOT) not in (tmp_path / "trial.json").read_text("utf-8")
    with pytest.raises(FileNotFoundError):
        results.read("other", results=tmp_path)


def test_the_list_names_every_benchmark_and_refuses_others() -> None:
    listed = run("--help")
    assert listed.returncode == 0
    for name in ("fusion", "main_job", "tables"):
        assert re.search(rf"^  {name} +\S", listed.stdout, re.MULTILINE)
    refused = run("nonsense")
    assert refused.returncode == 2
    assert "there is no benchmark 'nonsense'" in refused.stderr


@pytest.mark.parametrize("name", tables.kept())
def test_the_docs_show_what_was_measured(name: str) -> None:
    page = tables.page_of(name)
    shown = tables.rendered(name) in page.read_text("utf-8")
    assert shown, f"run `python -m benchmarks tables`: {page.name} is behind {name}"


def test_the_docs_tell_of_every_target_whether_it_is_reached() -> None:
    page = tables.PAGES[0].read_text("utf-8")
    assert targets.table() in page, "run `python -m benchmarks tables`"
    least, most = (
        targets.Target("trial", 2, "", "growth", lambda _: 2.5, is_least=is_least).row() for is_least in (True, False)
    )
    assert "| yes |" in least
    assert "| **no** |" in most


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "benchmarks", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
