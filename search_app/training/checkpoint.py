"""Where a training stands, in one file: written whole or not at all, read as plain data, bound to its recipe."""

import json
import os
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from search_app.errors import TrainingError


def save_checkpoint(path: Path, recipe: Mapping[str, Any], state: Mapping[str, Any]) -> None:
    """Write `state` (tensors, numbers, strings and containers of them); a kill leaves the old file or the new one.

    `recipe` is everything that decides how the training goes on: JSON values.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + ".tmp")
    with unfinished.open("wb") as stream:
        torch.save({"recipe": json.dumps(recipe), "state": dict(state)}, stream)
        stream.flush()
        os.fsync(stream.fileno())
    unfinished.replace(path)


def load_checkpoint(path: Path, recipe: Mapping[str, Any]) -> dict[str, Any] | None:
    """The stored state; None where there is no file.

    Raises `TrainingError` where the file is damaged and where it belongs to another recipe, naming what differs.
    """
    if not path.exists():
        return None
    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)
        state: dict[str, Any] = stored["state"]
        begun = json.loads(stored["recipe"])
    except (OSError, RuntimeError, EOFError, KeyError, TypeError, ValueError, pickle.UnpicklingError) as error:
        raise TrainingError(f"{path} is damaged ({type(error).__name__}): delete it to begin anew") from error
    check_recipe(path, begun, recipe)
    return state


def check_recipe(path: Path, begun: Mapping[str, Any], recipe: Mapping[str, Any]) -> None:
    """Raise `TrainingError` where what was begun is not what is asked for, naming what differs."""
    now = json.loads(json.dumps(recipe))
    differing = [key for key in sorted({*begun, *now}) if begun.get(key) != now.get(key)]
    if differing:
        told = ", ".join(f"{key} was {begun.get(key)!r} and is {now.get(key)!r}" for key in differing)
        raise TrainingError(f"{path} belongs to another training ({told}): delete it or choose another --out")


def generator_state(random: np.random.Generator) -> str:
    """Where a numpy generator stands; JSON, for its numbers are longer than a tensor's."""
    return json.dumps(random.bit_generator.state)


def restore_generator(random: np.random.Generator, state: str) -> None:
    """Set a generator to where another one stood."""
    random.bit_generator.state = json.loads(state)
