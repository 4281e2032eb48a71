"""Fine-tuning from pictures to a served model, on a made-up world and a tiny random CLIP."""

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="fine-tuning needs torch: pip install -r requirements.txt")

from PIL import Image
from safetensors.torch import load_file

from search_app.cli.program import main
from search_app.encoders.open_clip import OpenClipEncoder
from search_app.encoders.open_clip_package import torch
from search_app.errors import MissingDependency, TrainingError, WeightsUnavailable
from search_app.images.decode import decode_image
from search_app.training.finetune.options import FinetuneOptions
from search_app.training.finetune.run import finetune
from search_app.training.finetune.save import FinetuneReport
from search_app.training.log import Watch
from tests.training.finetune_world import (
    BRIEF,
    BRISK,
    World,
    bytes_in,
    interrupt_at_step,
    make_world,
    register_small,
)


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> World:
    register_small(tmp_path_factory.mktemp("architectures"))
    return make_world(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def trained(world, tmp_path_factory) -> tuple[Path, FinetuneReport]:
    out = tmp_path_factory.mktemp("trained")
    return out, world.tune(out, BRISK)


@pytest.fixture(scope="module")
def whole(world, tmp_path_factory) -> Path:
    """A short run that nobody interrupted."""
    out = tmp_path_factory.mktemp("whole")
    world.tune(out)
    return out


def weights_in(out: Path) -> dict[str, torch.Tensor]:
    return load_file(out / "model.safetensors")


def log_in(out: Path) -> list[dict[str, float]]:
    entries = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    return [{key: value for key, value in entry.items() if key != "seconds"} for entry in entries]


def changed(before: dict[str, torch.Tensor], after: dict[str, torch.Tensor]) -> set[str]:
    assert before.keys() == after.keys()
    return {name for name in before if not torch.equal(before[name], after[name])}


def interrupt_after_epoch(number: float) -> Watch:
    def epoch(entry: dict[str, float]) -> None:
        if entry["epoch"] == number:
            raise KeyboardInterrupt

    return Watch(epoch=epoch)


def test_the_loss_falls_and_pictures_it_has_not_seen_are_found(trained):
    out, report = trained
    log = log_in(out)
    losses = [entry["loss"] for entry in log[1:]]
    assert losses[-1] < 0.5 * losses[0]
    assert "loss" not in log[0]  # the original, before any step
    assert report.figures["R@1"]["value"] > 6 / 48  # chance is 1 / 48
    assert report.figures["R@10"]["value"] > 30 / 48  # ... and 10 / 48
    assert report.figures["R@10"]["gain_low"] > 0
    assert (report.pictures, report.sentences, report.epochs) == (48, 96, BRISK.epochs)


def test_the_kept_epoch_is_the_best_one_and_the_figures_are_its(trained):
    out, report = trained
    merits = [(entry["R@10"], entry["R@1"]) for entry in log_in(out)]
    assert merits[report.best] == max(merits)
    assert merits[report.best] == (report.figures["R@10"]["value"], report.figures["R@1"]["value"])
    assert merits[0] == (report.figures["R@10"]["original"], report.figures["R@1"]["original"])


def test_the_served_model_has_the_figures_of_the_card(trained, world):
    _, report = trained
    encoder = OpenClipEncoder.load(report.served_as, device="cpu", precision="fp32")
    dev = world.pairs.dev
    pictures = [decode_image(world.pictures / each.file, max_pixels=10**8).image for each in dev]
    images = encoder.encode_images(np.stack([encoder.prepare(picture) for picture in pictures]))
    found = []
    for place, each in enumerate(dev):
        scores = encoder.encode_texts(each.captions) @ images.T
        found += ((scores >= scores[:, [place]]).sum(1) == 1).tolist()
    assert np.mean(found) == pytest.approx(report.figures["R@1"]["value"])
    assert json.loads((trained[0] / "card.json").read_text())["figures"]["R@1"] == report.figures["R@1"]


def test_a_model_carries_its_card_log_and_curves(trained, world):
    out, report = trained
    card = json.loads((out / "card.json").read_text())
    assert list(card) == ["name", "base", "data", "seed", "command", "figures", "licences", "created"]
    assert (card["name"], card["base"], card["seed"]) == (out.name, world.base, 0)
    assert "144 pictures with 288 sentences; figures on 48 other ones with 96" in card["data"]
    assert any("open_clip" in licence and "MIT" in licence for licence in card["licences"])
    text = (out / "README.md").read_text()
    assert f"SEARCH_MODEL={report.served_as}" in text
    assert f"| R@10 | {report.figures['R@10']['original']:.4f} | {report.figures['R@10']['value']:.4f} (" in text
    with Image.open(out / "curves.png") as picture:
        assert picture.width > 900
    assert not (out / "checkpoints").exists()


def test_a_run_killed_again_and_again_ends_in_the_same_bytes_and_the_same_log(world, whole, tmp_path):
    # Four steps an epoch or five, a checkpoint after the second: these lose a step or the epoch's first, or nothing.
    for kill in (interrupt_at_step(3), interrupt_at_step(1), interrupt_after_epoch(1), interrupt_at_step(3)):
        with pytest.raises(KeyboardInterrupt):
            world.tune(tmp_path, watch=kill)
    # A kill may also come in the middle of a line of the log, or of a file.
    with (tmp_path / "log.jsonl").open("a") as stream:
        stream.write('{"epoch": 2, "lo')
    (tmp_path / "checkpoints" / "checkpoint.pt.tmp").write_bytes(b"half")
    steps: list[tuple[str, int]] = []
    world.tune(tmp_path, watch=Watch(progress=lambda what, done, _total: steps.append((what, done))))
    assert next(step for step in steps if step[0].startswith("steps")) == ("steps of epoch 2", 3)
    assert bytes_in(tmp_path) == bytes_in(whole)
    assert log_in(tmp_path) == log_in(whole)


def test_a_finished_training_is_not_done_again(world, trained):
    out, report = trained
    before = bytes_in(out)
    assert world.tune(out, BRISK, interrupt_at_step(1)) == report
    assert bytes_in(out) == before
    with pytest.raises(TrainingError, match=r"training\.json belongs to another .*rate was 0\.002 and is 0\.1"):
        world.tune(out, replace(BRISK, rate=0.1))


def test_going_on_with_other_options_or_other_pictures_is_refused(world, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        world.tune(tmp_path, watch=interrupt_after_epoch(0))
    with pytest.raises(TrainingError, match=r"checkpoint\.pt belongs to another training \(epochs was 2 and is 3\)"):
        world.tune(tmp_path, replace(BRIEF, epochs=3))
    fewer = replace(world.pairs, train=world.pairs.train[1:])
    with pytest.raises(TrainingError, match="data was"):
        finetune(fewer, world.plan(tmp_path))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut short"])
def test_a_damaged_checkpoint_is_named(world, tmp_path, content):
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "checkpoint.pt").write_bytes(content)
    with pytest.raises(TrainingError, match=r"checkpoint\.pt is damaged"):
        world.tune(tmp_path)


def test_a_damaged_report_is_named(world, tmp_path):
    (tmp_path / "training.json").write_text('{"recipe": ')
    with pytest.raises(TrainingError, match=r"training\.json is damaged"):
        world.tune(tmp_path)


def test_it_ends_early_where_nothing_gets_better_and_gives_the_original(world, tmp_path):
    report = world.tune(tmp_path, replace(BRIEF, epochs=9, rate=0.0, patience=2))
    assert (report.epochs, report.best) == (2, 0)
    assert changed(world.original, weights_in(tmp_path)) == set()
    assert report.figures["R@10"]["gain"] == 0


def test_a_share_of_nothing_is_the_original_and_half_lies_between(world, whole, tmp_path):
    report = world.tune(tmp_path / "none", replace(BRIEF, interpolate=0.0))
    assert report.best > 0
    assert changed(world.original, weights_in(tmp_path / "none")) == set()
    world.tune(tmp_path / "half", replace(BRIEF, interpolate=0.5))
    half, tuned = weights_in(tmp_path / "half"), weights_in(whole)
    for name, before in world.original.items():
        torch.testing.assert_close(half[name], (before + tuned[name]) / 2)


def test_bad_pictures_are_counted_and_cost_only_themselves(world, whole, tmp_path):
    entries = json.loads(world.captions.read_text())
    picture = next(iter(world.pictures.glob("*.png"))).read_bytes()
    dev = (world.pictures / world.pairs.dev[0].file).read_bytes()
    bad = {"cut.png": picture[: len(picture) // 2], "notes.png": b"no picture at all", "again.png": dev}
    names = [(world.pictures / name).write_bytes(content) and name for name, content in bad.items()]
    for name, split in zip([*names, "gone.png"], ("train", "dev", "train", "train"), strict=True):
        entries[name] = {"split": split, "captions": ["a red ball on grey"]}
    captions = tmp_path / "captions.json"
    captions.write_text(json.dumps(entries))
    report = replace(world, captions=captions).tune(tmp_path / "out")
    assert sorted(each.file for each in report.skipped) == ["again.png", "cut.png", "gone.png", "notes.png"]
    reasons = {each.file: each.reason for each in report.skipped}
    assert "No such file" in reasons["gone.png"]
    assert reasons["again.png"] == f"the same picture is held out as {world.pairs.dev[0].file}"
    assert "4 pictures could not be used" in json.loads((tmp_path / "out" / "card.json").read_text())["data"]
    assert "- notes.png: " in (tmp_path / "out" / "README.md").read_text()
    assert bytes_in(tmp_path / "out") == bytes_in(whole)


def test_a_picture_that_goes_while_it_trains_is_named(world, tmp_path):
    for each in world.pictures.glob("*.png"):
        shutil.copy(each, tmp_path)
    lost = world.pairs.dev[0].file

    def progress(what: str, _done: int, _total: int) -> None:
        if what == "pictures of dev":
            (tmp_path / lost).unlink(missing_ok=True)

    with pytest.raises(TrainingError, match=rf"{lost} could be used when the training began and cannot now"):
        finetune(world.pairs, world.plan(tmp_path / "out", pictures=tmp_path), Watch(progress=progress))


def test_too_few_pictures_are_refused_with_the_reason(world, tmp_path):
    few = replace(world.pairs, dev=world.pairs.dev[:8])
    with pytest.raises(
        TrainingError, match=r"captions\.json: 144 usable .* and 8 held out; .* --dev-share; 0 pictures"
    ):
        finetune(few, world.plan(tmp_path))
    with pytest.raises(TrainingError, match=r"288 pictures cannot be used|cannot be used \(.*: cannot be read"):
        finetune(world.pairs, world.plan(tmp_path, pictures=tmp_path))


def test_weights_that_run_away_are_reported(world, tmp_path):
    with pytest.raises(TrainingError, match=r"epoch 1, step \d: the loss is .*lower --rate"):
        world.tune(tmp_path, replace(BRIEF, rate=1e30, warm_up=0.0))


def test_a_base_that_is_not_there_is_named(world, tmp_path):
    with pytest.raises(WeightsUnavailable, match=r"there is no file .*mine\.pt"):
        finetune(world.pairs, world.plan(tmp_path, base="small-clip/mine.pt"))


def test_a_missing_package_is_missed_before_the_work(world, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingDependency, match=r"pip install -r requirements-train\.txt"):
        world.tune(tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_from_a_table_of_pairs_to_an_answer_in_the_terminal(world, capsys, tmp_path):
    entries = json.loads(world.captions.read_text())
    lines = [f"{name}\t{text}\n" for name, entry in entries.items() for text in entry["captions"]]
    Path("pairs.tsv").write_text("".join(lines))
    source = ["--pairs", str(world.pictures), "--tsv", "pairs.tsv", "--dev-share", "0.2"]
    chosen = ["--train", "heads", "--epochs", "1", "--batch", "64", "--device", "cpu", "--seed", "3"]
    assert main(["train", "finetune", "--model", world.base, *source, *chosen, "--out", "models/mine"]) == 0
    told = capsys.readouterr().out
    assert "38 held-out pictures" in told
    served = told.rpartition("SEARCH_MODEL=")[2].strip()
    assert served == "small-clip/models/mine/model.safetensors"
    assert json.loads(Path("models/mine/card.json").read_text())["seed"] == 3
    some = tmp_path / "some"
    some.mkdir()
    for path in sorted(world.pictures.glob("dev-*.png"))[:6]:
        shutil.copy(path, some)
    assert main(["index", str(some), "--model", served]) == 0
    capsys.readouterr()
    assert main(["search", "a red ball", "--model", served, "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) >= 5


def test_judgements_are_a_source_and_a_missing_half_is_named(world, capsys):
    topics = {colour: f"something {colour}" for colour in ("red", "blue")}
    names = sorted(path.name for path in world.pictures.glob("train-*.png"))
    Path("topics.tsv").write_text("".join(f"{qid}\t{text}\n" for qid, text in topics.items()))
    Path("qrels.txt").write_text(
        "".join(f"{qid} 0 {name} {int(f'-{qid}-' in name)}\n" for qid in topics for name in names)
    )
    command = ["train", "finetune", "--model", world.base, "--pairs", str(world.pictures), "--out", "mine"]
    judged = [*command, "--qrels", "qrels.txt"]
    assert main(judged) == 2
    assert "--qrels and --topics go together" in capsys.readouterr().err
    more = ["--topics", "topics.tsv", "--dev-share", "0.45", "--epochs", "1", "--train", "heads", "--device", "cpu"]
    assert main([*judged, *more]) == 0
    assert "26 pictures with 26 sentences" in json.loads(Path("mine/card.json").read_text())["data"]


def test_captions_that_are_not_there_are_named(world, capsys):
    command = ["train", "finetune", "--model", world.base, "--pairs", str(world.pictures), "--out", "mine"]
    assert main([*command, "--captions", "nowhere/captions.json"]) == 2
    assert "nowhere/captions.json cannot be used" in capsys.readouterr().err
    assert main([*command, "--tsv", "nowhere.tsv"]) == 2
    assert "nowhere.tsv cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"train": "some"}, "--train some: it is all, heads, or last:N"),
        ({"train": "last:0"}, "--train last:0"),
        ({"epochs": 0}, "--epochs 0: it is 1 or more"),
        ({"batch": 1}, "--batch 1: .*no negative"),
        ({"micro_batch": 0}, "--micro-batch 0"),
        ({"rate": float("nan")}, "--rate nan"),
        ({"interpolate": 1.5}, "--interpolate 1.5: it is 0 to 1"),
        ({"warm_up": 1.0}, "--warm-up 1.0"),
        ({"least_kept": 0.0}, "--crop 0.0"),
        ({"patience": 0}, "--patience 0"),
    ],
)
def test_options_out_of_range_are_named(wrong, message):
    with pytest.raises(TrainingError, match=message):
        FinetuneOptions(**wrong)
