"""Fits the heads (contrastive, with class-name replay) and the gate of lite."""

import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from search_app.training.lite_classes import ClassReplay
from search_app.training.lite_data import ImageFeatures, TokenFeatures
from search_app.training.lite_heads import ClassPart, Gate, ImageHead, TextHead, mean_of_tokens

logger = logging.getLogger(__name__)

FIRST_SCALE = 20.0
"""Cosines are multiplied by this before softmax; learnt from here on."""
CLASS_NEGATIVES = 200
"""Photographs and captions among which made-up pictures and class names have to be found."""
WARM_UP = 0.15
"""Share of the steps in which the rate rises."""
GATE_STEPS = 300


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
    share_of_sentences: float = 0.15
    """Amplitude of the class part in the query of a sentence."""
    share_of_names: float = 0.88
    """... in the query of a bare name."""
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


def fit_member(
    data: Photographs, replay: ClassReplay, classes: ClassPart, options: LiteTraining
) -> tuple[ImageHead, TextHead]:
    """Train one pair of heads; the same options and seed give the same heads on the same machine."""
    torch.manual_seed(options.seed)
    random = np.random.default_rng(options.seed)
    image = ImageHead(data.views[0], options.hidden, options.outputs, options.dropout)
    text = TextHead(options.poolings, options.hidden, options.outputs, options.dropout)
    scale = nn.Parameter(torch.tensor(math.log(FIRST_SCALE)))
    weights = [*image.parameters(), *text.parameters(), scale]
    optimizer = torch.optim.AdamW(weights, lr=options.rate, weight_decay=options.decay)
    steps = options.epochs * data.steps(options.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, options.rate, total_steps=steps, pct_start=WARM_UP)
    for epoch in range(options.epochs):
        for view, captions in data.batches(random, options.batch):
            images, texts = image(view, classes(view.logits)), text(*captions)
            made_up, *names = replay.draw(random, options.replayed)
            class_images, class_texts = image(made_up, classes(made_up.logits)), text(*names)
            negatives = (texts.detach()[:CLASS_NEGATIVES], images.detach()[:CLASS_NEGATIVES])
            loss = contrast(texts, images, scale.exp())
            loss = loss + options.replay_weight * contrast(class_texts, class_images, scale.exp(), negatives)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
        logger.info("seed %d, epoch %d of %d: loss %.3f", options.seed, epoch + 1, options.epochs, float(loss.detach()))
    return image.eval(), text.eval()


def fit_gate(names: TokenFeatures, captions: TokenFeatures, options: LiteTraining) -> Gate:
    """Train the gate to tell bare names from sentences: a logistic regression, both sides of equal weight."""
    torch.manual_seed(options.seed)
    random = np.random.default_rng(options.seed)
    some = random.choice(len(captions), min(len(captions), 2 * len(names)), replace=False)
    inputs, targets = [], []
    for features, rows, target in ((names, np.arange(len(names)), 1.0), (captions, some, 0.0)):
        for start in range(0, len(rows), 256):
            tokens, mask = features.batch(rows[start : start + 256])
            inputs.append(torch.cat([mean_of_tokens(tokens, mask), mask.sum(1, keepdim=True).log()], 1))
            targets.append(torch.full((len(tokens),), target))
    x, y = torch.cat(inputs), torch.cat(targets)
    gate = Gate(options.share_of_sentences, options.share_of_names)
    weight = torch.where(y == 1, float((y == 0).sum() / (y == 1).sum()), 1.0)
    optimizer = torch.optim.AdamW(gate.parameters(), lr=0.05, weight_decay=0.01)
    for _ in range(GATE_STEPS):
        loss = binary_cross_entropy_with_logits(gate.score(x)[:, 0], y, weight=weight)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return gate.eval()
