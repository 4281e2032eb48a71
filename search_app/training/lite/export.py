"""Writes a trained lite model: two ONNX files, the tokenizer and a manifest with their SHA-256."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from search_app.training.lite.backbone import write_backbone
from search_app.training.lite.heads import TOKEN_DIM, ClassPart, Gate, ImageHead, TextHead, write_mean_of_tokens
from search_app.training.lite.querybank import Querybank
from search_app.training.onnx_graph import OnnxGraph, Shape


@dataclass(frozen=True, slots=True)
class LiteModel:
    """Everything that is trained or chosen."""

    classes: ClassPart
    members: Sequence[tuple[ImageHead, TextHead]]
    gate: Gate
    bank: Querybank
    text_mean: NDArray[np.float32]
    """(384,), subtracted from a sentence vector before it meets the class names."""

    @property
    def dim(self) -> int:
        """Length of a vector: the class part, the members side by side and the two numbers of the query bank."""
        return TOKEN_DIM + sum(int(image.head.outer.out_features) for image, _ in self.members) + 2


def side_by_side(graph: OnnxGraph, parts: Sequence[str]) -> str:
    """Unit rows next to each other, scaled so that they are unit rows again."""
    scale = graph.constant(np.float32(len(parts) ** -0.5))
    return graph.node("Mul", [graph.node("Concat", list(parts), axis=1), scale])


def image_tower(model: LiteModel, backbone: Any) -> bytes:
    """Pixels to `vector`; `mean`, the pooled activations, and `posteriors` are there for explanations."""
    graph = OnnxGraph("lite image tower")
    inner = write_backbone(graph, backbone)
    posteriors, classes = model.classes.write(graph, inner.logits)
    pooled = graph.node("Concat", [inner.mean, inner.peak, inner.early], axis=1)
    heads = [image.write(graph, pooled, classes) for image, _ in model.members]
    vector = side_by_side(graph, [classes, model.bank.write_image(graph, side_by_side(graph, heads))])
    outputs: dict[str, tuple[str, Shape]] = {
        "vector": (vector, ["n", model.dim]),
        "mean": (inner.mean, ["n", 1280]),
        "posteriors": (posteriors, ["n", 1000]),
    }
    return graph.serialise(outputs)


def text_head(model: LiteModel) -> bytes:
    """MiniLM's tokens to `vector`: the class part and the heads in the shares that the gate gives."""
    graph = OnnxGraph("lite text head")
    tokens = graph.input("tokens", TensorProto.FLOAT, ["n", "length", TOKEN_DIM])
    mask = graph.input("mask", TensorProto.FLOAT, ["n", "length"])
    sentence = write_mean_of_tokens(graph, tokens, mask)
    classes = graph.unit(graph.node("Sub", [sentence, graph.constant(model.text_mean)]))
    parts = [text.write(graph, tokens, mask, sentence) for _, text in model.members]
    heads = model.bank.write_text(graph, side_by_side(graph, parts))
    amplitude = model.gate.write(graph, sentence, mask)
    square = graph.node("Mul", [amplitude, amplitude])
    rest = graph.node("Sqrt", [graph.node("Sub", [graph.constant(np.float32(1)), square])])
    parts = [graph.node("Mul", [classes, amplitude]), graph.node("Mul", [heads, rest])]
    return graph.serialise({"vector": (graph.node("Concat", parts, axis=1), ["n", model.dim])})


def write_model(model: LiteModel, backbone: Any, tokenizer: bytes, folder: Path) -> None:
    """Write all files of a model into `folder`, which is made where it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {"image_tower.onnx": image_tower(model, backbone), "text_head.onnx": text_head(model)}
    files["tokenizer.json"] = tokenizer
    for name, content in files.items():
        (folder / name).write_bytes(content)
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    manifest = json.dumps({"dim": model.dim, "sha256": sums}, indent=2)
    (folder / "manifest.json").write_text(manifest + "\n", encoding="utf-8")
