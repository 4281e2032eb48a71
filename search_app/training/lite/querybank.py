"""Takes away from a picture's scores what it gets from any query: inverted softmax over the training captions.

Some pictures are near to every sentence and stand in the way of the right ones ("hubs"). Subtracting the logarithm of
a picture's mean exponential score over a bank of queries ranks by inverted softmax (Smith et al., *Offline bilingual
word vectors, orthogonal transformations and the inverted softmax*, ICLR 2017; for pictures and sentences Bogolin et
al., *Cross Modal Retrieval with Querybank Normalisation*, CVPR 2022). It depends on the picture alone, so it is a part
of its vector: the search stays one question for nearest neighbours.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from search_app.training.lite.fit import LiteTraining, Photographs
from search_app.training.lite.heads import ClassPart, ImageHead, TextHead
from search_app.training.onnx_graph import OnnxGraph

REACH = 0.16
"""What is taken away is bounded by this on both sides of its mean; on photographs its deviation is .04."""
AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Querybank:
    """Two more numbers for the vectors of heads, which scale every dot product by 1 / (1 + REACH)."""

    directions: NDArray[np.float32]
    """(dim, rank): where most of the bank's queries differ."""
    codes: NDArray[np.float32]
    """(queries, rank): the bank, as seen along them."""
    sharpness: float
    """The scores' factor in the exponential."""
    centre: float
    """What pictures lose on average."""

    @classmethod
    def fit(cls, texts: Tensor, images: Tensor, sharpness: float, rank: int) -> Self:
        """`texts` (queries, dim) and `images` (n, dim) are unit rows of the heads for training data."""
        _, directions = torch.linalg.eigh((texts.T @ texts).double())
        kept = directions[:, -rank:].float()
        bank = cls(kept.numpy(), (texts @ kept).numpy(), sharpness, 0.0)
        return cls(bank.directions, bank.codes, sharpness, float(bank.level(images).mean()))

    def level(self, images: Tensor) -> Tensor:
        """What each picture gets from any query, (n,)."""
        directions, codes = torch.from_numpy(self.directions), torch.from_numpy(self.codes)
        parts = [self.sharpness * (part @ directions @ codes.T) for part in torch.split(images, AT_ONCE)]
        total = torch.cat([part.logsumexp(1) for part in parts])
        return (total - math.log(len(self.codes))) / self.sharpness

    def write_image(self, graph: OnnxGraph, heads: str) -> str:
        """Add to a graph: unit rows (n, dim) become unit rows (n, dim + 2).

        The second number makes all rows equally long whatever the first one is; queries have a zero there.
        """
        along = graph.node("MatMul", [heads, graph.weight(self.directions, axis=1)])
        sharp = graph.node("Mul", [along, graph.constant(np.float32(self.sharpness))])
        scores = graph.node("MatMul", [sharp, graph.weight(np.ascontiguousarray(self.codes.T), axis=1)])
        total = graph.node("ReduceLogSumExp", [scores], axes=[1], keepdims=1)
        mean = math.log(len(self.codes)) + self.sharpness * self.centre
        above = graph.node("Sub", [total, graph.constant(np.float32(mean))])
        slope = -1 / (self.sharpness * math.sqrt(REACH))
        lost = graph.node("Mul", [above, graph.constant(np.float32(slope))])
        bounds = [graph.constant(np.float32(sign * math.sqrt(REACH))) for sign in (-1, 1)]
        lost = graph.node("Clip", [lost, *bounds])
        square = graph.node("Mul", [lost, lost])
        # Rounding may leave less than nothing at the bounds.
        left = graph.node("Relu", [graph.node("Sub", [graph.constant(np.float32(REACH)), square])])
        rest = graph.node("Sqrt", [left])
        return graph.unit(graph.node("Concat", [heads, lost, rest], axis=1))

    def write_text(self, graph: OnnxGraph, heads: str) -> str:
        """Add to a graph: unit rows (n, dim) of queries become unit rows (n, dim + 2)."""
        one_more = graph.constant(np.array([0, 0, 0, 1], np.int64))
        longer = graph.node("Pad", [heads, one_more, graph.constant(np.float32(math.sqrt(REACH)))])
        return graph.unit(graph.node("Pad", [longer, one_more, graph.constant(np.float32(0))]))


def fit_bank(
    data: Photographs, members: Sequence[tuple[ImageHead, TextHead]], classes: ClassPart, options: LiteTraining
) -> Querybank:
    """Choose captions at random and see them, and the photographs, as the finished heads do."""
    random = np.random.default_rng(options.seed)
    rows = random.choice(len(data.captions), min(len(data.captions), options.bank), replace=False)
    view = data.views[0]
    with torch.no_grad():
        batches = [data.captions.batch(rows[start : start + AT_ONCE]) for start in range(0, len(rows), AT_ONCE)]
        texts = [torch.cat([text(*batch) for _, text in members], 1) for batch in batches]
        images = torch.cat([image(view, classes(view.logits)) for image, _ in members], 1)
    share = len(members) ** -0.5
    return Querybank.fit(torch.cat(texts) * share, images * share, options.bank_sharpness, options.bank_rank)
