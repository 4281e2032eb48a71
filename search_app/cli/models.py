"""`models`: the models worth knowing, their published figures, and whether their weights are here."""

import argparse
from pathlib import Path

from search_app.cli.options import Subparsers
from search_app.encoders.adapter_head import adapted_names
from search_app.encoders.catalogue import KNOWN_MODELS, KnownModel
from search_app.encoders.weights import Source, find_weights
from search_app.errors import TrainingError
from search_app.settings import load_settings

HEADING = ("model", "params M", "GFLOP img/txt", "Flickr30k R@1", "COCO R@1", "ImageNet", "weights", "licence")


def add_parser(commands: Subparsers) -> None:
    """Describe the command."""
    parser = commands.add_parser("models", help="models worth knowing and their published figures")
    parser.set_defaults(run=run)


def run(_arguments: argparse.Namespace) -> int:
    """Print the table; the figures are their authors' and not measured here."""
    rows = [HEADING, *map(_row, KNOWN_MODELS)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADING))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    print()
    print("Published figures (text to image recall; ImageNet zero-shot), not measured here. Sources:")
    for source in sorted({model.source for model in KNOWN_MODELS}):
        print(f"  {source}")
    print("lite  our own bundled encoder: no hub, no torch, no GPU; figures in its model card")
    settings = load_settings()
    for name in adapted_names(settings.models_dir):
        print(f"{name}  {_of_card(settings.models_dir / name)}")
    print(f"chosen now: {settings.model} (SEARCH_MODEL)")
    return 0


def _of_card(folder: Path) -> str:
    """What a model trained here is, and its main figure."""
    from search_app.training.card import read_card

    try:
        card = read_card(folder)
    except TrainingError as error:
        return f"trained here; {error}"
    return f"trained here on {card.base}; {card.figures.get('headline', 'no figures')}"


def _row(model: KnownModel) -> tuple[str, ...]:
    work = "-" if model.image_gflop is None else f"{model.image_gflop:g}/{model.text_gflop:g}"
    published = (model.flickr_recall, model.coco_recall, model.imagenet)
    figures = ("-" if value is None else f"{value:.3f}" for value in published)
    here = "here" if find_weights(Source(repository=model.repository)) else "at the hub"
    return (model.name, str(model.parameters), work, *figures, here, model.licence or "see model card")
