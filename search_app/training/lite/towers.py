"""The trained parts of lite put together: what they make of features, as they stand in the files that are written."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from search_app.encoders.lite_runtime import available_cores, open_session
from search_app.training.lite.backbone import BackboneOutputs
from search_app.training.lite.data import ImageFeatures, TokenFeatures
from search_app.training.lite.heads import TOKEN_DIM, ClassPart, Gate, ImageHead, TextHead, write_mean_of_tokens
from search_app.training.lite.querybank import Querybank
from search_app.training.onnx_graph import OnnxGraph

AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class LiteTowers:
    """Everything that is trained or chosen, but for the projection; vectors are as wide as all parts together."""

    classes: ClassPart
    members: Sequence[tuple[ImageHead, TextHead]]
    gate: Gate
    bank: Querybank
    text_mean: NDArray[np.float32]
    """(384,), subtracted from a sentence vector before it meets the class names."""

    @property
    def width(self) -> int:
        """Length of a vector: the class part, the members side by side and the two numbers of the query bank."""
        return TOKEN_DIM + sum(int(image.head.outer.out_features) for image, _ in self.members) + 2

    def write_image(self, graph: OnnxGraph, inner: BackboneOutputs) -> str:
        """Add to a graph: the backbone's values become unit rows (n, width)."""
        classes = self.classes.write(graph, inner.logits)
        pooled = graph.node("Concat", [inner.mean, inner.peak, inner.early], axis=1)
        heads = [image.write(graph, pooled, classes) for image, _ in self.members]
        return side_by_side(graph, [classes, self.bank.write_image(graph, side_by_side(graph, heads))])

    def write_text(self, graph: OnnxGraph) -> str:
        """Add to a graph behind the inputs `tokens` and `mask`: unit rows (n, width).

        The class part and the heads stand in them in the shares that the gate gives.
        """
        tokens = graph.input("tokens", TensorProto.FLOAT, ["n", "length", TOKEN_DIM])
        mask = graph.input("mask", TensorProto.FLOAT, ["n", "length"])
        sentence = write_mean_of_tokens(graph, tokens, mask)
        classes = graph.unit(graph.node("Sub", [sentence, graph.constant(self.text_mean)]))
        parts = [text.write(graph, tokens, mask, sentence) for _, text in self.members]
        heads = self.bank.write_text(graph, side_by_side(graph, parts))
        amplitude = self.gate.write(graph, sentence, mask)
        square = graph.node("Mul", [amplitude, amplitude])
        rest = graph.node("Sqrt", [graph.node("Sub", [graph.constant(np.float32(1)), square])])
        parts = [graph.node("Mul", [classes, amplitude]), graph.node("Mul", [heads, rest])]
        return graph.node("Concat", parts, axis=1)

    def of_images(self, features: ImageFeatures) -> NDArray[np.float32]:
        """The vectors of pictures whose features are known, (n, width)."""
        graph = OnnxGraph("lite, from the backbone's values")
        names = [field.name for field in fields(features)]
        columns = {name: getattr(features, name).numpy() for name in names}
        inputs = {name: graph.input(name, TensorProto.FLOAT, ["n", columns[name].shape[1]]) for name in names}
        vector = self.write_image(graph, BackboneOutputs(**inputs))
        session = open_session(graph.serialise({"vector": (vector, ["n", self.width])}), available_cores())
        parts = [
            session.run(["vector"], {name: column[start : start + AT_ONCE] for name, column in columns.items()})[0]
            for start in range(0, len(features.mean), AT_ONCE)
        ]
        return np.concatenate(parts)

    def of_texts(self, texts: TokenFeatures, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """The vectors of some sentences, (rows, width)."""
        graph = OnnxGraph("lite, from MiniLM's tokens")
        vector = self.write_text(graph)
        session = open_session(graph.serialise({"vector": (vector, ["n", self.width])}), available_cores())
        parts = []
        for start in range(0, len(rows), AT_ONCE):
            tokens, mask = texts.batch(rows[start : start + AT_ONCE])
            parts += session.run(["vector"], {"tokens": tokens.numpy(), "mask": mask.numpy()})
        return np.concatenate(parts)


def side_by_side(graph: OnnxGraph, parts: Sequence[str]) -> str:
    """Unit rows next to each other, scaled so that they are unit rows again."""
    scale = graph.constant(np.float32(len(parts) ** -0.5))
    return graph.node("Mul", [graph.node("Concat", list(parts), axis=1), scale])
