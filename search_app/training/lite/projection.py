"""Fewer numbers in a vector: the directions in which pictures and sentences lie, the same for both.

A truncated singular value decomposition of both sides together, not centred, so that dot products stay what they were
(Eckart and Young, *The approximation of one matrix by another of lower rank*, Psychometrika 1936). Then a rotation
drawn at random: each number carries as much as any other, which is what quantisation with one range for all of them
wants (Gong and Lazebnik, *Iterative Quantization*, CVPR 2011).
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from search_app.training.lite.data import TokenFeatures
from search_app.training.lite.fit import LiteTraining, Photographs
from search_app.training.lite.towers import LiteTowers
from search_app.training.onnx_graph import OnnxGraph

SHARES = (1.0, 0.7, 0.3)
"""What pictures, captions and class names count: a query is more often a sentence than a bare name."""
CAPTIONS = 8_000


@dataclass(frozen=True, slots=True)
class Projection:
    """Orthonormal columns: what is left of a vector is as long as the part of it that lies in their span."""

    matrix: NDArray[np.float32]
    """(width, dim)."""

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return int(self.matrix.shape[1])

    @classmethod
    def fit(cls, samples: list[NDArray[np.float32]], dim: int, seed: int) -> Self:
        """`samples` are unit rows (n, width) of pictures, captions and class names; `dim` is at most `width`."""
        second = sum(
            share * rows.astype(np.float64).T @ rows / len(rows) for share, rows in zip(SHARES, samples, strict=True)
        )
        directions = np.linalg.eigh(second).eigenvectors[:, ::-1][:, :dim]
        rotation, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((dim, dim)))
        return cls((directions @ rotation).astype(np.float32))

    def write(self, graph: OnnxGraph, vector: str) -> str:
        """Add to a graph: unit rows (n, width) become unit rows (n, dim)."""
        return graph.unit(graph.node("MatMul", [vector, graph.weight(self.matrix, axis=1)]))


def fit_projection(towers: LiteTowers, data: Photographs, names: TokenFeatures, options: LiteTraining) -> Projection:
    """See the training photographs, captions drawn from theirs and the ways of writing each class as `towers` do."""
    random = np.random.default_rng(options.seed)
    rows = random.choice(len(data.captions), min(len(data.captions), CAPTIONS), replace=False)
    sentences, classes = towers.of_texts(data.captions, rows), towers.of_texts(names, np.arange(len(names)))
    return Projection.fit([towers.of_images(data.views[0]), sentences, classes], options.dim, options.seed)
