"""The log of a training: a line an epoch, whoever watches is told, and a picture of it."""

import json
import sys

import pytest
from PIL import Image

from search_app.errors import MissingDependency
from search_app.training.log import TrainingLog, Watch, draw_curves

ENTRIES = [
    {"member": member, "epoch": epoch, "loss": 3 / epoch + member, "R@10": 0.1 * epoch}
    for member in range(2)
    for epoch in range(1, 4)
]
PANELS = {"loss": ("loss",), "recall": ("R@10", "R@1")}


def lines(path) -> list[dict[str, float]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_every_epoch_is_a_line_and_is_told(tmp_path):
    told = []
    log = TrainingLog(tmp_path / "deeper" / "log.jsonl", ENTRIES[:1], Watch(epoch=told.append))
    for entry in ENTRIES[1:3]:
        log.add(entry)
        assert lines(tmp_path / "deeper" / "log.jsonl")[-1] == entry
    assert lines(tmp_path / "deeper" / "log.jsonl") == ENTRIES[:3]
    assert told == ENTRIES[1:3]


def test_a_run_that_goes_on_drops_what_its_checkpoint_does_not_know(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text("".join(json.dumps(entry) + "\n" for entry in ENTRIES[:3]) + '{"member": 0, "ep')
    TrainingLog(path, ENTRIES[:2], Watch()).add(ENTRIES[2])
    assert lines(path) == ENTRIES[:3]


def test_progress_is_told_by_what_is_being_done():
    told = []
    of = Watch(progress=lambda *what: told.append(what)).of("pictures")
    of(3, 9)
    assert told == [("pictures", 3, 9)]


def test_curves_show_each_panel_and_a_value_that_only_some_entries_have(tmp_path):
    pytest.importorskip("matplotlib", reason="the curves need it: pip install -r requirements-train.txt")
    draw_curves(tmp_path / "one.png", ENTRIES, {"loss": ("loss",)}, lines="member")
    draw_curves(tmp_path / "two.png", [*ENTRIES, {"epoch": 4, "R@1": 0.5}], PANELS, lines="member")
    with Image.open(tmp_path / "one.png") as one, Image.open(tmp_path / "two.png") as two:
        assert two.width > 1.9 * one.width
        colours = {colour for _, colour in two.convert("RGB").getcolors(1 << 24)}
    # The curves' two first colours and the grid: an empty drawing has none of the first.
    assert any(blue > red + 60 for red, _, blue in colours)
    assert any(red > blue + 100 for red, _, blue in colours)


def test_a_missing_matplotlib_is_named_with_the_pip_line(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingDependency, match=r"matplotlib.*requirements-train\.txt"):
        draw_curves(tmp_path / "curves.png", ENTRIES, PANELS)
