"""Trains one pair of heads of lite, an epoch at a time: contrastive, with class-name replay; resumable."""

import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from search_app.training.checkpoint import generator_state, load_checkpoint, restore_generator, save_checkpoint
from search_app.training.lite.classes import ClassReplay
from search_app.training.lite.data import ImageFeatures
from search_app.training.lite.fit import LiteTraining, Photographs, contrast
from search_app.training.lite.heads import ClassPart, ImageHead, TextHead
from search_app.training.log import Entry

FIRST_SCALE = 20.0
"""Cosines are multiplied by this before softmax; learnt from here on."""
CLASS_NEGATIVES = 200
"""Photographs and captions among which made-up pictures and class names have to be found."""
WARM_UP = 0.15
"""Share of the steps in which the rate rises."""


class MemberTraining:
    """One pair of heads and everything that decides how its training goes on."""

    def __init__(self, data: Photographs, replay: ClassReplay, classes: ClassPart, options: LiteTraining) -> None:
        """Begin; the same options and seed give the same heads on the same machine, interrupted or not."""
        torch.manual_seed(options.seed)
        self._random = np.random.default_rng(options.seed)
        self._data, self._replay, self._classes, self._options = data, replay, classes, options
        self.image = ImageHead(data.views[0], options.hidden, options.outputs, options.dropout)
        self.text = TextHead(options.poolings, options.hidden, options.outputs, options.dropout)
        self._scale = nn.Parameter(torch.tensor(math.log(FIRST_SCALE)))
        weights = [*self.image.parameters(), *self.text.parameters(), self._scale]
        self._optimizer = torch.optim.AdamW(weights, lr=options.rate, weight_decay=options.decay)
        steps = options.epochs * data.steps(options.batch)
        self._schedule = torch.optim.lr_scheduler.OneCycleLR(
            self._optimizer, options.rate, total_steps=steps, pct_start=WARM_UP
        )
        self.history: list[Entry] = []

    def resume(self, checkpoint: Path, recipe: dict[str, Any]) -> None:
        """Go back to where `checkpoint` was written, if there is one.

        Raises `TrainingError` where it is damaged or belongs to another recipe.
        """
        if state := load_checkpoint(checkpoint, recipe):
            self._restore(state)

    def epochs(self, checkpoint: Path, recipe: dict[str, Any], complete: Callable[[Entry], Entry]) -> Iterator[Entry]:
        """Run the epochs that are left, each stored in `checkpoint` with what `complete` adds to its entry."""
        while len(self.history) < self._options.epochs:
            self.history.append(complete(self._epoch()))
            save_checkpoint(checkpoint, recipe, self._state())
            yield self.history[-1]

    def _epoch(self) -> Entry:
        started = time.monotonic()
        self.image.train()
        self.text.train()
        losses = []
        for view, captions in self._data.batches(self._random, self._options.batch):
            loss, replay = self._loss(view, captions)
            self._optimizer.zero_grad()
            (loss + self._options.replay_weight * replay).backward()  # type: ignore[no-untyped-call]
            self._optimizer.step()
            self._schedule.step()
            losses.append((float(loss.detach()), float(replay.detach())))
        loss_mean, replay_mean = (float(mean) for mean in np.mean(losses, axis=0))
        return {
            "epoch": len(self.history) + 1,
            "loss": loss_mean,
            "replay loss": replay_mean,
            "rate": float(self._schedule.get_last_lr()[0]),
            "scale": math.exp(float(self._scale.detach())),
            "seconds": time.monotonic() - started,
        }

    def _loss(self, view: ImageFeatures, captions: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """Over photographs and captions, and over class names and made-up pictures of them."""
        images, texts = self.image(view, self._classes(view.logits)), self.text(*captions)
        made_up, *names = self._replay.draw(self._random, self._options.replayed)
        class_images, class_texts = self.image(made_up, self._classes(made_up.logits)), self.text(*names)
        negatives = (texts.detach()[:CLASS_NEGATIVES], images.detach()[:CLASS_NEGATIVES])
        scale = self._scale.exp()
        return contrast(texts, images, scale), contrast(class_texts, class_images, scale, negatives)

    def _state(self) -> dict[str, Any]:
        return {
            "image": self.image.state_dict(),
            "text": self.text.state_dict(),
            "scale": self._scale.detach(),
            "optimizer": self._optimizer.state_dict(),
            "schedule": self._schedule.state_dict(),
            "torch": torch.get_rng_state(),
            "numpy": generator_state(self._random),
            "history": self.history,
        }

    def _restore(self, state: dict[str, Any]) -> None:
        self.image.load_state_dict(state["image"])
        self.text.load_state_dict(state["text"])
        with torch.no_grad():
            self._scale.copy_(state["scale"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._schedule.load_state_dict(state["schedule"])
        torch.set_rng_state(state["torch"])
        restore_generator(self._random, state["numpy"])
        self.history = list(state["history"])
