"""The card every trained model carries: what it is, from what, how, how good, under which licences."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from search_app.errors import TrainingError
from search_app.index.files import write_atomically

CARD = "card.json"


@dataclass(frozen=True, slots=True)
class ModelCard:
    """The content of `card.json`."""

    name: str
    base: str
    """The model it was made from."""
    data: str
    """What it was trained on, and how much of it."""
    seed: int
    command: str
    """Trains the same model again."""
    figures: Mapping[str, Any]
    """What was measured, on what, with its interval."""
    licences: Sequence[str]
    """Of the parts and of the data."""
    created: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))


def write_card(card: ModelCard, folder: Path) -> None:
    """Write `card.json`."""
    content = json.dumps(asdict(card), indent=2, ensure_ascii=False)
    write_atomically(folder / CARD, (content + "\n").encode())


def read_card(folder: Path) -> ModelCard:
    """Read `card.json`; raises `TrainingError` where it is missing or damaged."""
    path = folder / CARD
    try:
        return ModelCard(**json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise TrainingError(f"{path}: cannot be read ({error.strerror}): train the model again") from error
    except (ValueError, TypeError) as error:
        raise TrainingError(f"{path}: is no card: train the model again") from error
