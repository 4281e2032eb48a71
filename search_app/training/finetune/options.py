"""What is chosen about a fine-tuning."""

import math
import re
from dataclasses import dataclass

from search_app.errors import TrainingError

USUAL_RATES = {"all": 1e-5, "last": 1e-5, "heads": 1e-4}
"""Highest learning rate by mode; what others use for CLIP, not tuned here."""


@dataclass(frozen=True, slots=True)
class FinetuneOptions:
    """Everything that decides the weights, beside data and base."""

    train: str = "all"
    """`all`, `last:N` or `heads`, see `finetune_weights.choose_weights`."""
    epochs: int = 10
    batch: int = 128
    """Pairs that are told from each other."""
    micro_batch: int = 64
    """Pairs in memory at once."""
    rate: float | None = None
    """Highest learning rate; None: the usual one of the mode."""
    decay: float = 0.1
    warm_up: float = 0.1
    """Share of all steps in which the rate rises."""
    clip: float = 1.0
    """Longest gradient; a longer one is shortened to it."""
    least_kept: float = 0.9
    """Least share of a picture's area in the cuts that are learnt from."""
    patience: int = 3
    """Epochs without a better R@10 on the held-out pictures after which it ends."""
    interpolate: float = 1.0
    """Share of the tuned weights in the result; the rest is the original's."""
    seed: int = 0

    def __post_init__(self) -> None:
        rate, is_mode = self.peak_rate, re.fullmatch(r"all|heads|last:[1-9][0-9]*", self.train)
        wrong = {
            "--train": (self.train, not is_mode, "all, heads, or last:N with N from 1"),
            "--epochs": (self.epochs, self.epochs < 1, "1 or more"),
            "--batch": (self.batch, self.batch < 2, "2 or more: one pair has no negative"),
            "--micro-batch": (self.micro_batch, self.micro_batch < 1, "1 or more"),
            "--rate": (rate, not 0 <= rate < math.inf, "0 or more"),
            "--decay": (self.decay, not 0 <= self.decay < math.inf, "0 or more"),
            "--warm-up": (self.warm_up, not 0 <= self.warm_up < 1, "0 or more, below 1"),
            "--clip": (self.clip, not self.clip > 0, "above 0"),
            "--crop": (self.least_kept, not 0 < self.least_kept <= 1, "above 0, 1 at most"),
            "--patience": (self.patience, self.patience < 1, "1 or more"),
            "--interpolate": (self.interpolate, not 0 <= self.interpolate <= 1, "0 to 1"),
            "--seed": (self.seed, self.seed < 0, "0 or more"),
        }
        for option, (value, is_wrong, accepted) in wrong.items():
            if is_wrong:
                raise TrainingError(f"{option} {value}: it is {accepted}")

    @property
    def peak_rate(self) -> float:
        """The highest learning rate."""
        return USUAL_RATES.get(self.train.partition(":")[0], 1e-5) if self.rate is None else self.rate

    def rate_at(self, position: float) -> float:
        """The rate at a share of the whole training: a straight rise, then half a cosine down to 0."""
        if position < self.warm_up:
            return self.peak_rate * position / self.warm_up
        return self.peak_rate * (1 + math.cos(math.pi * (position - self.warm_up) / (1 - self.warm_up))) / 2
