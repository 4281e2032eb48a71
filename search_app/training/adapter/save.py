"""Writes an adapted model: the head, what it belongs to, and its card; a crash leaves the old model or the new one."""

import json
from collections.abc import Sequence
from pathlib import Path

from search_app.encoders.adapter_head import MANIFEST, NAME, AdapterHead, describe
from search_app.encoders.catalogue import KNOWN_MODELS
from search_app.errors import TrainingError
from search_app.index.files import write_atomically
from search_app.training.card import CARD, ModelCard, write_card

RESERVED = ("lite", "stub")
README = "README.md"


def require_free_name(models: Path, name: str) -> None:
    """Raise `TrainingError` where a model must not be called so; one that was trained as an adapter is replaced."""
    if not NAME.fullmatch(name) or name in RESERVED:
        raise TrainingError(
            f"{name!r} is no name for a model: letters, digits and . _ + -, 64 at most, and not {' or '.join(RESERVED)}"
        )
    folder = models / name
    if folder.exists() and not (folder / MANIFEST).is_file() and any(folder.iterdir()):
        raise TrainingError(f"{folder} holds something else: choose another --name")


def save_adapter(
    head: AdapterHead, base_fingerprint: str, card: ModelCard, figures: Sequence[str], models: Path
) -> Path:
    """Write `models/NAME/` and give its path.

    `adapter.json` makes it a model: it names the arrays it belongs to. The card of an earlier one goes before and the
    new card comes after, so that no model ever has the card of another. The arrays of an earlier one go last.

    Args:
        head: at the strength it is to have.
        base_fingerprint: of the encoder that made the vectors.
        card: `card.name` is the model's name, `card.base` its base's.
        figures: what was measured, as lines of Markdown.
        models: the folder of all models.

    """
    require_free_name(models, card.name)
    folder = models / card.name
    manifest = describe(head, card.base, base_fingerprint)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / manifest.arrays, head.to_bytes())
        for old in (CARD, README):
            (folder / old).unlink(missing_ok=True)
        write_atomically(folder / MANIFEST, (json.dumps(manifest.to_json(), indent=2) + "\n").encode())
        write_card(card, folder)
        write_atomically(folder / README, card_text(card, figures).encode())
        for stale in folder.glob("head-*"):  # also what a kill left halfway
            if stale.name != manifest.arrays:
                stale.unlink(missing_ok=True)
    except OSError as error:
        raise TrainingError(f"{folder}: cannot be written: {error.strerror}") from error
    return folder


def licences_of(base: str) -> tuple[str, ...]:
    """Of the parts: the base's weights, the labels, the neutral phrases."""
    known = next((model.licence for model in KNOWN_MODELS if model.name == base), None)
    if base == "lite":
        known = "Apache-2.0 and others, see search_app/encoders/lite_model/MODEL_CARD.md"
    return (
        f"{base}, which this model needs beside it: {known or 'not known here, read what its publisher says'}",
        "labels: their owners'; the head holds vectors of their texts, no text and no picture",
        "neutral phrases: part of this program",
    )


def card_text(card: ModelCard, figures: Sequence[str]) -> str:
    """The card for readers."""
    lines = [
        f"# {card.name}",
        "",
        f"`{card.base}` with a residual head after its text tower. Pictures keep the vectors of the base.",
        f"Serve it with `SEARCH_MODEL={card.name}`.",
        "",
        f"- Data: {card.data}",
        f"- Seed: {card.seed}",
        f"- Command: `{card.command}`",
        f"- Made: {card.created}",
        *(f"- Licence: {licence}" for licence in card.licences),
        "",
        "## Figures",
        "",
        *figures,
    ]
    return "\n".join(lines).rstrip() + "\n"
