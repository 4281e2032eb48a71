"""Saves one of two models over the other, again and again, until it is killed."""

import sys
from itertools import cycle
from pathlib import Path

import numpy as np

from search_app.encoders.adapter_head import AdapterHead
from search_app.training.adapter.save import save_adapter
from search_app.training.card import ModelCard

NAME = "lite+mine"


def head(number: int) -> AdapterHead:
    random = np.random.default_rng(number)
    known, residual = random.normal(size=(2, 400, 128)).astype(np.float32)
    return AdapterHead(known, residual, float(number))


def card(number: int) -> ModelCard:
    return ModelCard(NAME, "lite", "made up", number, "train adapter", {"headline": "none"}, ["ours"])


def save(number: int, models: Path) -> Path:
    return save_adapter(head(number), f"base {number}", card(number), ["| figures |"], models)


if __name__ == "__main__":
    for number in cycle([1, 2]):
        save(number, Path(sys.argv[1]))
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()
