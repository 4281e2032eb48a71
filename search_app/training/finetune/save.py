"""What a fine-tuning leaves: weights that `SEARCH_MODEL` opens, their card, and what was measured of them."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from safetensors import SafetensorError
from safetensors.torch import save_file

from search_app.encoders.catalogue import KNOWN_MODELS
from search_app.encoders.open_clip_package import open_clip, torch
from search_app.errors import TrainingError
from search_app.index.files import write_atomically
from search_app.training.card import ModelCard, write_card
from search_app.training.checkpoint import check_recipe
from search_app.training.finetune.pixels import Skipped

WEIGHTS = "model.safetensors"
FINISHED = "training.json"
"""Written last: where it is, everything is."""


@dataclass(frozen=True, slots=True)
class FinetuneReport:
    """What came of a fine-tuning."""

    served_as: str
    """What `SEARCH_MODEL` has to be."""
    figures: dict[str, dict[str, float]]
    """`R@k` of the written file on the held-out pictures, see `finetune_measure.compare`."""
    pictures: int
    """Held out."""
    sentences: int
    """Held out."""
    epochs: int
    """That were run."""
    best: int
    """The one that was kept; 0: none was better than the original, which was written."""
    learnt: int
    """Weights that were learnt."""
    weights: int
    """Of the whole model."""
    skipped: tuple[Skipped, ...]
    note: str
    """See `TrainedModel.note`."""

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Back from `dataclasses.asdict` by way of JSON."""
        return cls(**{**content, "skipped": tuple(Skipped(**each) for each in content["skipped"])})


def write_weights(weights: Mapping[str, torch.Tensor], out: Path) -> Path:
    """Write `model.safetensors`, whole or not at all; raises `TrainingError` where that fails."""
    path = out / WEIGHTS
    beside = path.with_name(f"{path.name}.new")
    apart = {name: tensor.contiguous().clone() for name, tensor in weights.items()}  # the format knows no shared memory
    try:
        save_file(apart, beside, metadata={"format": "pt"})
        beside.replace(path)
    except (OSError, SafetensorError) as error:
        raise TrainingError(f"{path} cannot be written: {error}") from error
    return path


def write_documents(out: Path, card: ModelCard, report: FinetuneReport) -> None:
    """Write card.json and README.md."""
    write_card(card, out)
    (out / "README.md").write_text(card_text(card, report), encoding="utf-8")


def write_finished(out: Path, recipe: Mapping[str, Any], report: FinetuneReport) -> None:
    """Write training.json."""
    content = json.dumps({"recipe": recipe, "report": asdict(report)}, indent=2, ensure_ascii=False)
    write_atomically(out / FINISHED, (content + "\n").encode())


def read_finished(out: Path, recipe: Mapping[str, Any]) -> FinetuneReport | None:
    """What an earlier run left; None where none has finished.

    Raises `TrainingError` where it is damaged or belongs to another recipe, naming what differs.
    """
    path = out / FINISHED
    if not path.exists():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        begun, report = content["recipe"], FinetuneReport.from_json(content["report"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrainingError(f"{path} is damaged ({type(error).__name__}): delete it or choose another --out") from error
    check_recipe(path, begun, recipe)
    return report


def licences_of(base: str) -> tuple[str, ...]:
    """Of the parts: the base's weights, open_clip's code, the data."""
    known = next((model for model in KNOWN_MODELS if model.name == base), None)
    architecture, _, tag = base.partition("/")
    repository = (open_clip.get_pretrained_cfg(architecture, tag) or {}).get("hf_hub", "").strip("/")
    stated = known.licence if known is not None and known.licence else "not known here: read their publisher's card"
    return (
        f"weights of {base}{f' ({repository})' if repository else ''}: {stated}; tuned ones stay under it",
        "architecture and losses (open_clip): MIT",
        "pictures and sentences: their owners'; name the source where the model is released",
    )


def card_text(card: ModelCard, report: FinetuneReport) -> str:
    """The card for readers."""
    rows = [
        f"| {name} | {each['original']:.4f} | {each['value']:.4f} ({each['low']:.4f} - {each['high']:.4f}) "
        f"| {each['gain']:+.4f} ({each['gain_low']:+.4f} - {each['gain_high']:+.4f}) |"
        for name, each in report.figures.items()
    ]
    lines = [
        f"# {card.name}",
        "",
        f"`{card.base}`, fine-tuned. Serve it with `SEARCH_MODEL={report.served_as}`.",
        "",
        f"- Data: {card.data}",
        f"- Learnt: {report.learnt:,} of {report.weights:,} weights; epoch {report.best} of {report.epochs} was kept",
        f"- Seed: {card.seed}",
        f"- Command: `{card.command}`",
        f"- Made: {card.created}",
        *(f"- Licence: {licence}" for licence in card.licences),
        *([f"- Note: {report.note}"] if report.note else []),
        "",
        "## Figures",
        "",
        f"Share of the {report.sentences} sentences of {report.pictures} held-out pictures whose own picture is among",
        "the first k, before and after, with 95 % bootstrap intervals over pictures. The same pictures chose the",
        "epoch, so the figures flatter a little. What was unlearnt about other pictures is not measured.",
        "",
        "| | original | tuned | gain |",
        "|---|---|---|---|",
        *rows,
    ]
    if report.skipped:
        lines += ["", "## Pictures that could not be used", ""]
        lines += [f"- {each.file}: {each.reason}" for each in report.skipped]
    return "\n".join(lines) + "\n"
