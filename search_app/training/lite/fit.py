"""What is chosen about the training of lite, its batches and its loss."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy

from search_app.training.lite.data import ImageFeatures, TokenFeatures


@dataclass(frozen=True, slots=True)
class LiteTraining:
    """What can be chosen; the defaults made the bundled model."""

    members: int = 3
    """Pairs of heads that are trained from different seeds and put side by side."""
    outputs: int = 256
    """Length of one member's vectors."""
    hidden: int = 128
    poolings: int = 4
    """Learnt averages over the tokens of a sentence."""
    dropout: float = 0.5
    epochs: int = 12
    batch: int = 500
    rate: float = 1e-3
    decay: float = 0.05
    replayed: int = 100
    """Class names beside each batch of photographs."""
    replay_weight: float = 0.3
    temperature: float = 1.7
    """Of the class posteriors."""
    share_of_sentences: float = 0.13
    """Amplitude of the class part in the query of a sentence."""
    share_of_names: float = 0.85
    """... in the query of a bare name."""
    bank: int = 4000
    """Training captions that stand for all queries where a picture's general nearness is taken away."""
    bank_rank: int = 64
    """Directions in which the bank is kept."""
    bank_sharpness: float = 20.0
    """Factor of its scores; about what the heads learn."""
    dim: int = 384
    """Numbers of a vector that are kept of all that the parts have."""
    views: int = 3
    """Versions of each photograph: as it is, mirrored, and random cuts."""
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Photographs:
    """The training photographs as features."""

    views: tuple[ImageFeatures, ...]
    """The same photographs as they are and mirrored."""
    captions: TokenFeatures
    owners: NDArray[np.int64]
    """For each caption, its photograph; ascending."""

    def steps(self, batch: int) -> int:
        """Whole batches in one epoch; fewer photographs than `batch` make one."""
        return max(1, len(self.views[0].mean) // batch)

    def batches(self, random: np.random.Generator, batch: int) -> Iterator[tuple[ImageFeatures, tuple[Tensor, Tensor]]]:
        """One epoch: a random view of different photographs, and tokens and mask of one caption of each."""
        count = len(self.views[0].mean)
        first = np.searchsorted(self.owners, np.arange(count))
        captions = np.append(first[1:], len(self.owners)) - first
        order = random.permutation(count)
        for step in range(self.steps(batch)):
            rows = order[step * batch : (step + 1) * batch]
            view = self.views[random.integers(len(self.views))]
            yield view.rows(rows), self.captions.batch(first[rows] + random.integers(0, captions[rows]))


def contrast(texts: Tensor, images: Tensor, scale: Tensor, others: tuple[Tensor, Tensor] | None = None) -> Tensor:
    """InfoNCE in both directions: row i of one side belongs to row i of the other; `others` are only negatives."""
    more_texts, more_images = others or (texts[:0], images[:0])
    target = torch.arange(len(texts))
    to_images = scale * texts @ torch.cat([images, more_images]).T
    to_texts = scale * images @ torch.cat([texts, more_texts]).T
    return (cross_entropy(to_images, target) + cross_entropy(to_texts, target)) / 2
