"""Graphs written by hand do what numpy does."""

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="training needs onnx: pip install -r requirements-train.txt")

from search_app.encoders.lite_runtime import open_session  # noqa: E402
from search_app.training.onnx_graph import SMALL_WEIGHT, OnnxGraph, quantise  # noqa: E402


@pytest.mark.parametrize("axis", [0, 1])
def test_int8_codes_are_off_by_half_a_step_at_most(axis):
    weight = np.random.default_rng(0).normal(size=(30, 20)).astype(np.float32)
    codes, scale = quantise(weight, axis)
    step = np.expand_dims(scale, 1 - axis)
    assert codes.dtype == np.int8
    assert (np.abs(codes * step - weight) <= step / 2 + 1e-6).all()


def test_an_all_zero_slice_stays_zero():
    weight = np.zeros((4, 3), np.float32)
    codes, scale = quantise(weight, 0)
    assert (codes * scale[:, None] == 0).all()


@pytest.mark.parametrize("width", [8, 256])
def test_a_written_linear_layer_is_a_linear_layer(width):
    random = np.random.default_rng(0)
    weight = random.normal(size=(100, width)).astype(np.float32)
    bias = random.normal(size=100).astype(np.float32)
    rows = random.normal(size=(7, width)).astype(np.float32)
    graph = OnnxGraph("linear")
    source = graph.input("rows", onnx.TensorProto.FLOAT, ["n", width])
    content = graph.serialise({"vector": (graph.unit(graph.linear(source, weight, bias)), ["n", 100])})
    (found,) = open_session(content, 1).run(["vector"], {"rows": rows})
    wanted = rows @ weight.T + bias
    wanted /= np.linalg.norm(wanted, axis=1, keepdims=True)
    assert (found * wanted).sum(1).min() > 0.9995
    is_small = weight.size < SMALL_WEIGHT
    assert len(content) < weight.size * (2 if is_small else 1) + 4000
