"""`python -m search_app plan` as a user types it."""

import json
import math
from pathlib import Path

import pytest

from search_app.cli.program import main
from search_app.index.profile_file import read_profile


def out(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["plan", *arguments]) == 0
    return capsys.readouterr().out


def test_every_figure_comes_with_its_formula_and_its_source(capsys: pytest.CaptureFixture[str]) -> None:
    told = out(capsys, "--images", "1e9", "--replicas", "2", "--latency", "100", "--words", "--gpu-price", "3")
    for row in (
        "memory: graph",
        "memory: words",
        "disk, one copy",
        "nodes  ",
        "shards",
        "IOPS a node",
        "load and graph",
    ):
        assert f"\n{row}" in told
    assert "111 h of one, 333" in told
    assert "[1] Qdrant, large-scale search (LAION-400M)" in told
    assert "measured here" in told
    assert "replication_factor = 2" in told


def test_the_profile_is_written_for_the_setting_that_takes_it(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "planned.toml"
    out(capsys, "--images", "1e9", "--replicas", "2", "--toml", str(file))
    assert read_profile(str(file)).cluster.replication_factor == 2
    again = out(capsys, "--images", "1e9", "--replicas", "2", "--profile", str(file), "--json")
    assert json.loads(again)["shards"] == read_profile(str(file)).cluster.shard_number


def test_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    told = json.loads(
        out(capsys, "--images", "1000000", "--model", "lite", "--cores", "2", "--node-price", "0.1", "--json")
    )
    assert (told["images"], told["dim"], told["nodes"], told["profile"]) == (1_000_000, 384, 1, {})
    assert told["memory_bytes"]["needed"] == 1_000_000 * (384 + 256 + 32 + 240)
    assert told["load_seconds"] == pytest.approx(
        1_000_000 * (0.4 + 0.235 * math.log2(1_000_000) - 1.33) * (0.36 + 0.64 * 384 / 1154) / 1000 / 2, abs=1
    )
    assert told["nodes_cost_a_month"] == pytest.approx(73)
    assert told["embedding_seconds"]["gpu"] is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--images", "0"], "--images 0: at least 1"),
        (["--images", "5", "--replicas", "0"], "--replicas 0: at least 1"),
        (["--images", "5", "--ram-per-node", "0.5"], "--ram-per-node 0.5: a node has 1 GiB"),
        (["--images", "5", "--latency", "0"], "--latency 0.0, --queries 10: above 0"),
        (["--images", "5", "--model", "nobody/knows"], "--model nobody/knows: the length of its vectors is not known"),
        (["--images", "5", "--profile", "none"], "SEARCH_PROFILE='none': it takes"),
        (["--images", "5", "--toml", "/nowhere/x.toml"], "--toml /nowhere/x.toml cannot be written: No such file"),
    ],
)
def test_what_cannot_be_planned_is_said(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", *arguments]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("number", ["many", "inf", "nan"])
def test_a_number_is_a_number(number: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["plan", "--images", number])
    assert "argument --images" in capsys.readouterr().err


def test_a_model_of_one_s_own_needs_its_dimensions_only(capsys: pytest.CaptureFixture[str]) -> None:
    assert "no rate was published" in out(capsys, "--images", "5", "--model", "mine", "--dim", "640")
