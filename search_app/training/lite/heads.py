"""The trained part of lite: torch modules, each able to write itself into an ONNX graph."""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import normalize

from search_app.training.lite.data import ImageFeatures
from search_app.training.onnx_graph import OnnxGraph

TOKEN_DIM = 384
PADDING_SCORE = -1e4


def array(tensor: Tensor) -> NDArray[np.float32]:
    """A parameter's values."""
    return tensor.detach().numpy().astype(np.float32)


class ResidualHead(nn.Module):
    """A two-layer perceptron beside a linear path, over inputs that are normalised first."""

    def __init__(self, inputs: int, hidden: int, outputs: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(inputs)
        self.straight = nn.Linear(inputs, outputs, bias=False)
        self.inner = nn.Linear(inputs, hidden)
        self.outer = nn.Linear(hidden, outputs)
        self.dropout = nn.Dropout(dropout)

    def forward(self, inputs: Tensor) -> Tensor:
        """(n, inputs) to (n, outputs), not normalised."""
        x = self.norm(inputs)
        hidden = torch.relu(self.inner(self.dropout(x)))
        outputs: Tensor = self.straight(x) + self.outer(self.dropout(hidden))
        return outputs

    def write(self, graph: OnnxGraph, source: str) -> str:
        """Add this head to a graph; returns the name of (n, outputs)."""
        gain, shift = graph.constant(array(self.norm.weight)), graph.constant(array(self.norm.bias))
        x = graph.node("LayerNormalization", [source, gain, shift], axis=-1, epsilon=self.norm.eps)
        hidden = graph.node("Relu", [graph.linear(x, array(self.inner.weight), array(self.inner.bias))])
        outer = graph.linear(hidden, array(self.outer.weight), array(self.outer.bias))
        straight = graph.node("MatMul", [x, graph.weight(array(self.straight.weight).T, axis=1)])
        return graph.node("Add", [straight, outer])


class ClassPart(nn.Module):
    """ConSE (Norouzi et al., 2014): class posteriors mix the sentence vectors of the class names."""

    names: Tensor

    def __init__(self, names: NDArray[np.float32], temperature: float) -> None:
        """`names` is (1000, 384): a centred, unit sentence vector for each ImageNet class."""
        super().__init__()
        self.register_buffer("names", torch.from_numpy(names))
        self.temperature = temperature

    def forward(self, logits: Tensor) -> Tensor:
        """(n, 1000) class scores to (n, 384) of unit rows."""
        return normalize((logits / self.temperature).softmax(1) @ self.names, dim=1)

    def write(self, graph: OnnxGraph, logits: str) -> str:
        """Add to a graph; returns the name of the unit rows (n, 384)."""
        scaled = graph.node("Mul", [logits, graph.constant(np.float32(1 / self.temperature))])
        posteriors = graph.node("Softmax", [scaled], axis=1)
        mixed = graph.node("MatMul", [posteriors, graph.weight(array(self.names), axis=1)])
        return graph.unit(mixed)


class TokenPooling(nn.Module):
    """Several learnt attention averages over the tokens of a sentence."""

    def __init__(self, heads: int) -> None:
        super().__init__()
        self.score = nn.Linear(TOKEN_DIM, heads)
        self.heads = heads

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """(n, length, 384) and a 0/1 mask (n, length) to (n, heads * 384)."""
        scores = self.score(tokens) + (1 - mask).unsqueeze(2) * PADDING_SCORE
        averages: Tensor = scores.softmax(1).transpose(1, 2) @ tokens
        return averages.flatten(1)

    def write(self, graph: OnnxGraph, tokens: str, mask: str) -> str:
        """Add to a graph."""
        scores = graph.linear(tokens, array(self.score.weight), array(self.score.bias))
        gap = graph.node("Sub", [graph.constant(np.float32(1)), mask])
        wide = graph.node("Unsqueeze", [gap, graph.constant(np.array([2], np.int64))])
        masked = graph.node("Add", [scores, graph.node("Mul", [wide, graph.constant(np.float32(PADDING_SCORE))])])
        weights = graph.node("Transpose", [graph.node("Softmax", [masked], axis=1)], perm=[0, 2, 1])
        return graph.node("Flatten", [graph.node("MatMul", [weights, tokens])], axis=1)


def mean_of_tokens(tokens: Tensor, mask: Tensor) -> Tensor:
    """The sentence vector as MiniLM's authors define it: the mean of its tokens, unit length; (n, 384)."""
    return normalize((tokens * mask.unsqueeze(2)).sum(1), dim=1)


def write_mean_of_tokens(graph: OnnxGraph, tokens: str, mask: str) -> str:
    """`mean_of_tokens` as a graph."""
    row = graph.node("Unsqueeze", [mask, graph.constant(np.array([1], np.int64))])
    total = graph.node("Squeeze", [graph.node("MatMul", [row, tokens]), graph.constant(np.array([1], np.int64))])
    return graph.unit(total)


class Gate(nn.Module):
    """How much of a query goes to the class part: bare names lean on it, sentences on the heads."""

    def __init__(self, low: float, high: float) -> None:
        """`low` and `high` bound the amplitude (the cosine of the angle) of the class part."""
        super().__init__()
        self.score = nn.Linear(TOKEN_DIM + 1, 1)
        self.low, self.high = low, high

    def forward(self, sentence: Tensor, mask: Tensor) -> Tensor:
        """Amplitude of the class part, (n, 1), from the unit sentence vector and the number of tokens."""
        length = mask.sum(1, keepdim=True).log()
        share = torch.sigmoid(self.score(torch.cat([sentence, length], 1)))
        return self.low + (self.high - self.low) * share

    def write(self, graph: OnnxGraph, sentence: str, mask: str) -> str:
        """Add to a graph."""
        length = graph.node("Log", [graph.node("ReduceSum", [mask, graph.constant(np.array([1], np.int64))])])
        inputs = graph.node("Concat", [sentence, length], axis=1)
        share = graph.node("Sigmoid", [graph.linear(inputs, array(self.score.weight), array(self.score.bias))])
        spread = graph.node("Mul", [share, graph.constant(np.float32(self.high - self.low))])
        return graph.node("Add", [spread, graph.constant(np.float32(self.low))])


class ImageHead(nn.Module):
    """From activations and the class part to one member's share of a picture's vector."""

    mean: Tensor
    scale: Tensor

    def __init__(self, photographs: ImageFeatures, hidden: int, outputs: int, dropout: float) -> None:
        """`photographs` are the training pictures, whose mean and deviation standardise the input."""
        super().__init__()
        pooled = photographs.pooled()
        self.register_buffer("mean", pooled.mean(0))
        self.register_buffer("scale", 1 / (pooled.std(0) + 1e-3))
        self.head = ResidualHead(pooled.shape[1] + TOKEN_DIM, hidden, outputs, dropout)

    def forward(self, features: ImageFeatures, classes: Tensor) -> Tensor:
        """Unit rows (n, outputs); `classes` is what `ClassPart` makes of the same pictures."""
        standard = (features.pooled() - self.mean) * self.scale
        return normalize(self.head(torch.cat([standard, classes * math.sqrt(TOKEN_DIM)], 1)), dim=1)

    def write(self, graph: OnnxGraph, pooled: str, classes: str) -> str:
        """Add to a graph."""
        centred = graph.node("Sub", [pooled, graph.constant(array(self.mean))])
        standard = graph.node("Mul", [centred, graph.constant(array(self.scale))])
        wide = graph.node("Mul", [classes, graph.constant(np.float32(math.sqrt(TOKEN_DIM)))])
        return graph.unit(self.head.write(graph, graph.node("Concat", [standard, wide], axis=1)))


class TextHead(nn.Module):
    """From the tokens of a sentence to one member's share of a query's vector."""

    def __init__(self, poolings: int, hidden: int, outputs: int, dropout: float) -> None:
        super().__init__()
        self.pooling = TokenPooling(poolings)
        self.head = ResidualHead(TOKEN_DIM * (1 + poolings), hidden, outputs, dropout)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Unit rows (n, outputs)."""
        sentence = mean_of_tokens(tokens, mask) * math.sqrt(TOKEN_DIM)
        return normalize(self.head(torch.cat([sentence, self.pooling(tokens, mask)], 1)), dim=1)

    def write(self, graph: OnnxGraph, tokens: str, mask: str, sentence: str) -> str:
        """Add to a graph; `sentence` is the mean of the tokens."""
        wide = graph.node("Mul", [sentence, graph.constant(np.float32(math.sqrt(TOKEN_DIM)))])
        pooled = self.pooling.write(graph, tokens, mask)
        return graph.unit(self.head.write(graph, graph.node("Concat", [wide, pooled], axis=1)))
