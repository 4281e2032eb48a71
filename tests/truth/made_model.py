"""A real exported model, small enough to be written here: words of colours and pictures of one colour, eight numbers.

It is a folder for `SEARCH_MODEL=onnx:FOLDER` like any that `export` makes, and it is broken in the ways that real ones
are: weights that are zero, not a number or without effect, and an operator that never ends for one input.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from PIL import Image

from search_app.encoders.onnx_manifest import IMAGE_TOWER, TEXT_TOWER, TOKENIZER, OnnxManifest, digest
from search_app.encoders.preprocess import ImageTransform

onnx = pytest.importorskip("onnx", reason="onnx belongs to training: pip install -r requirements-train.txt")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

COLOURS = {
    "red": (220, 30, 30),
    "green": (30, 160, 60),
    "blue": (30, 70, 220),
    "yellow": (250, 230, 40),
    "white": (245, 245, 245),
    "purple": (130, 40, 160),
}
FOREVER = "forever"
"""A text with this word never comes back from the model that `stuck=True` makes."""
WORDS = ("<start_of_text>", "<end_of_text>", "[UNK]", *COLOURS, "a", "car", "road", "glass", "cold", "beer", FOREVER)
DIM, SIDE = 8, 16
Fault = Literal["", "zero", "nan", "constant"]


def make_model(
    folder: Path, *, text: Fault = "", image: Fault = "", stuck: bool = False, seed: int = 0, fingerprint: str = ""
) -> str:
    """Write the model into `folder`, which gets a manifest in order, and return what `SEARCH_MODEL` calls it.

    A fault in a tower leaves the fingerprint as it is, as a fault of an export does.
    """
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    colour_map = random.normal(size=(3, DIM)).astype(np.float32)
    rows = random.normal(size=(len(WORDS), DIM)).astype(np.float32) * 0.1
    for word, colour in COLOURS.items():
        rows[WORDS.index(word)] = _centred(colour) @ colour_map
    _write(folder / TEXT_TOWER, _text_tower(_broken(rows, text), constant=text == "constant", stuck=stuck))
    _write(folder / IMAGE_TOWER, _image_tower(_broken(colour_map, image), constant=image == "constant"))
    (folder / TOKENIZER).write_text(_tokenizer())
    manifest = OnnxManifest(
        source="made/here",
        fingerprint=fingerprint or hashlib.sha256(f"made {seed}".encode()).hexdigest()[:32],
        dim=DIM,
        precision="fp32",
        context_length=16,
        is_cut=True,
        cleaning="lower",
        transform=ImageTransform((SIDE, SIDE), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
        sha256={},
    )
    seal(folder, manifest)
    return f"onnx:{folder}"


def seal(folder: Path, manifest: OnnxManifest) -> None:
    """Write the manifest with the hashes of what lies in the folder now."""
    sums = {name: digest(folder / name) for name in (TEXT_TOWER, IMAGE_TOWER, TOKENIZER)}
    (folder / "manifest.json").write_text(json.dumps(replace(manifest, sha256=sums).to_json({})))


def write_pictures(folder: Path, colours: Sequence[str] = tuple(COLOURS)) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in colours:
        picture = Image.new("RGB", (64, 48), COLOURS[name])
        # A mark in a place of its own, so that no two pictures are taken for copies of each other.
        place = 8 * list(COLOURS).index(name)
        picture.paste((0, 0, 0), (place, 0, place + 8, 24))
        picture.save(folder / f"{name}.png")


def _centred(colour: tuple[int, int, int]) -> np.ndarray:
    return (np.array(colour, np.float32) / 255 - 0.5).astype(np.float32)


def _broken(weights: np.ndarray, fault: Fault) -> np.ndarray:
    match fault:
        case "zero" | "constant":
            return np.zeros_like(weights)
        case "nan":
            return np.full_like(weights, np.nan)
    return weights


def _text_tower(rows: np.ndarray, *, constant: bool, stuck: bool) -> onnx.ModelProto:
    nodes = [
        helper.make_node("Gather", ["rows", "tokens"], ["words"]),
        helper.make_node("ReduceMean", ["words", "axis"], ["mean"], keepdims=0),
        *(_loop() if stuck else [helper.make_node("Identity", ["mean"], ["waited"])]),
        *_unit("waited"),
    ]
    weights = {"rows": rows, "axis": np.array([1]), **_bias(constant=constant)}
    if stuck:
        weights |= {
            "trap": np.array([WORDS.index(FOREVER)]),
            "many": np.array(2**62),
            "none": np.array(0.0, np.float32),
        }
    shape = ["n", "length"]
    return _model(nodes, weights, helper.make_tensor_value_info("tokens", TensorProto.INT64, shape))


def _image_tower(colour_map: np.ndarray, *, constant: bool) -> onnx.ModelProto:
    nodes = [
        helper.make_node("Cast", ["pixels"], ["grey"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["grey", "axes"], ["mean"], keepdims=0),
        helper.make_node("Div", ["mean", "white"], ["share"]),
        helper.make_node("Sub", ["share", "half"], ["centred"]),
        helper.make_node("MatMul", ["centred", "map"], ["mapped"]),
        *_unit("mapped"),
    ]
    weights = {
        "axes": np.array([1, 2]),
        "white": np.array(255, np.float32),
        "half": np.array(0.5, np.float32),
        "map": colour_map,
        **_bias(constant=constant),
    }
    shape = ["n", SIDE, SIDE, 3]
    return _model(nodes, weights, helper.make_tensor_value_info("pixels", TensorProto.UINT8, shape))


def _bias(*, constant: bool) -> dict[str, np.ndarray]:
    return {"bias": np.full(DIM, float(constant), np.float32), "last": np.array([1])}


def _unit(name: str) -> list[onnx.NodeProto]:
    return [
        helper.make_node("Add", [name, "bias"], ["moved"]),
        helper.make_node("ReduceL2", ["moved", "last"], ["length"], keepdims=1),
        helper.make_node("Div", ["moved", "length"], ["vector"]),
    ]


def _loop() -> list[onnx.NodeProto]:
    """Goes round for ever where the tokens hold the trap, in native code and without the interpreter's lock."""
    body = helper.make_graph(
        [helper.make_node("Identity", ["on"], ["goes_on"]), helper.make_node("Add", ["turn", "turn"], ["next"])],
        "body",
        [
            helper.make_tensor_value_info("number", TensorProto.INT64, []),
            helper.make_tensor_value_info("on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("turn", TensorProto.FLOAT, []),
        ],
        [
            helper.make_tensor_value_info("goes_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("next", TensorProto.FLOAT, []),
        ],
    )
    return [
        helper.make_node("Equal", ["tokens", "trap"], ["is_trap"]),
        helper.make_node("Cast", ["is_trap"], ["trapped"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMax", ["trapped"], ["any_trap"], keepdims=0),
        helper.make_node("Cast", ["any_trap"], ["start"], to=TensorProto.BOOL),
        helper.make_node("Loop", ["many", "start", "none"], ["end"], body=body),
        helper.make_node("Add", ["mean", "end"], ["waited"]),
    ]


def _model(nodes: list, weights: dict[str, np.ndarray], given: onnx.ValueInfoProto) -> onnx.ModelProto:
    vector = helper.make_tensor_value_info("vector", TensorProto.FLOAT, ["n", DIM])
    tensors = [numpy_helper.from_array(array, name) for name, array in weights.items()]
    graph = helper.make_graph(nodes, "tower", [given], [vector], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def _write(path: Path, model: onnx.ModelProto) -> None:
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())


def _tokenizer() -> str:
    from tokenizers import Tokenizer, models, pre_tokenizers

    made = Tokenizer(models.WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.add_special_tokens(["<start_of_text>", "<end_of_text>"])
    return made.to_str()
