"""A small writer of ONNX graphs: float32 arithmetic over weights that are stored smaller."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
SMALL_WEIGHT = 10_000
Array: TypeAlias = NDArray[Any] | np.generic
Shape: TypeAlias = Sequence[int | str]


def quantise(weight: NDArray[np.float32], axis: int) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Symmetric int8 codes and one scale for each slice along `axis`; `codes * scale` is the weight again."""
    others = tuple(i for i in range(weight.ndim) if i != axis)
    scale = np.maximum(np.abs(weight).max(axis=others), 1e-12).astype(np.float32) / np.float32(127)
    shape = [-1 if i == axis else 1 for i in range(weight.ndim)]
    codes = np.clip(np.rint(weight / scale.reshape(shape)), -127, 127).astype(np.int8)
    return codes, scale


class OnnxGraph:
    """Collects nodes and weights in the order they are called for; every method returns its output's name."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._nodes: list[onnx.NodeProto] = []
        self._weights: list[onnx.TensorProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []

    def input(self, name: str, element: int, shape: Shape) -> str:
        """Declare an input; a string in `shape` is a dimension of any length."""
        self._inputs.append(helper.make_tensor_value_info(name, element, list(shape)))
        return name

    def node(self, operator: str, inputs: Sequence[str], **attributes: Any) -> str:
        """Add one operator with one output."""
        output = f"{operator}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, list(inputs), [output], **attributes))
        return output

    def constant(self, value: Array) -> str:
        """Store an array as it is."""
        name = f"constant_{len(self._weights)}"
        self._weights.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def elsewhere(self, tensor: onnx.TensorProto, file: str, place: int) -> str:
        """Name a tensor whose bytes lie in another `file`, from byte `place` on; the graph holds none of them."""
        if all(one.name != tensor.name for one in self._weights):
            weight = onnx.TensorProto(name=tensor.name, data_type=tensor.data_type, dims=tensor.dims)
            weight.data_location = TensorProto.EXTERNAL
            for key, value in (("location", file), ("offset", place), ("length", len(tensor.raw_data))):
                weight.external_data.add(key=key, value=str(value))
            self._weights.append(weight)
        return str(tensor.name)

    def split(self, source: str, sizes: Sequence[int]) -> list[str]:
        """Cut the last dimension into parts of these sizes."""
        parts = [f"Split_{len(self._nodes)}_{number}" for number in range(len(sizes))]
        self._nodes.append(helper.make_node("Split", [source, self.constant(np.array(sizes))], parts, axis=-1))
        return parts

    def weight(self, value: NDArray[np.float32], axis: int) -> str:
        """Store a weight as int8 with one scale for each slice along `axis`; the graph turns it back into float32.

        Small weights and depthwise ones, where rounding hurts most and saves least, are stored as float16.
        """
        is_depthwise = value.ndim == 4 and value.shape[1] == 1
        if is_depthwise or value.size < SMALL_WEIGHT:
            return self.node("Cast", [self.constant(value.astype(np.float16))], to=onnx.TensorProto.FLOAT)
        codes, scale = quantise(value, axis)
        zero = np.zeros_like(scale, dtype=np.int8)
        inputs = [self.constant(codes), self.constant(scale), self.constant(zero)]
        return self.node("DequantizeLinear", inputs, axis=axis)

    def linear(self, source: str, weight: NDArray[np.float32], bias: NDArray[np.float32]) -> str:
        """`source @ weight.T + bias` for a weight of shape (outputs, inputs), as torch keeps it."""
        product = self.node("MatMul", [source, self.weight(np.ascontiguousarray(weight.T), axis=1)])
        return self.node("Add", [product, self.constant(bias)])

    def unit(self, source: str) -> str:
        """Rows scaled to unit length."""
        return self.node("LpNormalization", [source], axis=-1, p=2)

    def serialise(self, outputs: Mapping[str, tuple[str, Shape]]) -> bytes:
        """The model file; `outputs` maps a public name to the inner name and its shape (float32)."""
        infos = []
        for public, (inner, shape) in outputs.items():
            self._nodes.append(helper.make_node("Identity", [inner], [public]))
            infos.append(helper.make_tensor_value_info(public, TensorProto.FLOAT, list(shape)))
        graph = helper.make_graph(self._nodes, self._name, self._inputs, infos, self._weights)
        domains = {"": OPSET} | {node.domain: 1 for node in self._nodes if node.domain}
        opsets = [helper.make_opsetid(domain, version) for domain, version in domains.items()]
        model = helper.make_model(graph, opset_imports=opsets, producer_name="search_app")
        model.ir_version = 9
        if len(domains) == 1:  # the checker knows no other operators
            onnx.checker.check_model(model, full_check=True)
        content: bytes = model.SerializeToString()
        return content
