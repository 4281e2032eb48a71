"""`train lite` as it is typed: seeds and their table, a kill in the middle, wrong use."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="training needs torch: pip install -r requirements-train.txt")
pytest.importorskip("efficientnet_lite_pytorch", reason="training needs it: pip install -r requirements-train.txt")
pytest.importorskip("matplotlib", reason="the curves need it: pip install -r requirements-train.txt")

from search_app.cli.program import main
from tests.conftest import clean_environment
from tests.training.lite_world import draw_pictures

WRITTEN = {"image_tower.onnx", "text_head.onnx", "tokenizer.json", "manifest.json", "training.json", "card.json"}
SHOWN = {"log.jsonl", "curves.png"}


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> list[str]:
    folder = tmp_path_factory.mktemp("pictures")
    cache = tmp_path_factory.mktemp("cache")
    return ["--pairs", str(folder), "--captions", str(draw_pictures(folder)), "--cache", str(cache), "--epochs", "2"]


@pytest.fixture(scope="module")
def whole(data, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("whole")
    assert main(["train", "lite", *data, "--out", str(out), "--seed", "3"]) == 0
    return out


def digests(folder: Path) -> list[str]:
    return [hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in ("image_tower.onnx", "text_head.onnx")]


def test_a_model_lies_there_with_its_card_log_and_curves_and_nothing_else(whole):
    assert {path.name for path in whole.iterdir()} == WRITTEN | SHOWN
    card = json.loads((whole / "card.json").read_text())
    assert card["seed"] == 3
    assert (
        len((whole / "log.jsonl").read_text().splitlines())
        == 2 * json.loads((whole / "training.json").read_text())["options"]["members"]
    )


def test_seeds_get_a_folder_each_and_a_table(whole, data, tmp_path, capsys):
    table = tmp_path / "table.json"
    words = ["train", "lite", *data, "--out", str(tmp_path), "--seeds", "3", "4", "--report", str(table)]
    assert main(words) == 0
    report = json.loads(table.read_text())
    assert set(report["seeds"]) == {"3", "4"}
    for seed, row in report["seeds"].items():
        stored = json.loads((tmp_path / f"seed-{seed}" / "training.json").read_text())
        assert row == {f"R@{k}": value for k, value in stored["dev"]["recall"].items()}
    both = [report["seeds"][seed]["R@1"] for seed in ("3", "4")]
    assert report["summary"]["R@1"]["mean"] == pytest.approx(sum(both) / 2)
    # One of several seeds is the model that is trained alone.
    assert digests(tmp_path / "seed-3") == digests(whole)
    assert digests(tmp_path / "seed-4") != digests(whole)
    shown = capsys.readouterr().out
    assert str(tmp_path / "seed-4") in shown
    assert "deviation" in shown


def test_a_killed_run_goes_on_and_ends_in_the_same_model(whole, data, tmp_path):
    words = ["train", "lite", *data, "--out", str(tmp_path), "--seed", "3"]
    command = [sys.executable, "-m", "search_app", *words]
    with subprocess.Popen(
        command, env=clean_environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if b"epoch 1" in line:
                break
        process.kill()
        process.stdout.read()
    assert process.returncode != 0
    assert not (tmp_path / "training.json").exists()
    done = len((tmp_path / "log.jsonl").read_text().splitlines())
    assert main(words) == 0
    assert done < len((tmp_path / "log.jsonl").read_text().splitlines())
    assert digests(tmp_path) == digests(whole)
    assert not (tmp_path / "checkpoints").exists()


def test_a_folder_that_holds_another_seed_is_refused(whole, data, capsys):
    assert main(["train", "lite", *data, "--out", str(whole), "--seed", "5"]) == 2
    assert "seed was 3 and is 5" in capsys.readouterr().err


def test_one_seed_and_several_exclude_each_other(data, tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["train", "lite", *data, "--out", str(tmp_path), "--seed", "1", "--seeds", "1", "2"])
    assert stop.value.code == 2
    assert "not allowed with" in capsys.readouterr().err
