"""Writes a trained lite model: two ONNX files, the tokenizer and a manifest with their SHA-256."""

import hashlib
import json
from pathlib import Path
from typing import Any

from search_app.training.lite.backbone import write_backbone
from search_app.training.lite.projection import Projection
from search_app.training.lite.towers import LiteTowers
from search_app.training.onnx_graph import OnnxGraph


def image_tower(towers: LiteTowers, projection: Projection, backbone: Any) -> bytes:
    """Pixels to `vector`."""
    graph = OnnxGraph("lite image tower")
    vector = projection.write(graph, towers.write_image(graph, write_backbone(graph, backbone)))
    return graph.serialise({"vector": (vector, ["n", projection.dim])})


def text_head(towers: LiteTowers, projection: Projection) -> bytes:
    """MiniLM's tokens to `vector`."""
    graph = OnnxGraph("lite text head")
    vector = projection.write(graph, towers.write_text(graph))
    return graph.serialise({"vector": (vector, ["n", projection.dim])})


def write_model(towers: LiteTowers, projection: Projection, backbone: Any, tokenizer: bytes, folder: Path) -> None:
    """Write all files of a model into `folder`, which is made where it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {
        "image_tower.onnx": image_tower(towers, projection, backbone),
        "text_head.onnx": text_head(towers, projection),
        "tokenizer.json": tokenizer,
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    manifest = json.dumps({"dim": projection.dim, "sha256": sums}, indent=2)
    (folder / "manifest.json").write_text(manifest + "\n", encoding="utf-8")
