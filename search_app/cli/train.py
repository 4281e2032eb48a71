"""`train MODEL`: make an encoder."""

import argparse
import logging
from importlib.resources import files
from pathlib import Path

from search_app.cli.options import Subparsers


def add_parser(commands: Subparsers) -> None:
    """Describe the command."""
    parser = commands.add_parser("train", help="train an encoder")
    models = parser.add_subparsers(title="models", required=True, metavar="MODEL")
    lite = models.add_parser("lite", help="the bundled encoder's heads, from captioned photographs")
    lite.add_argument("--pairs", type=Path, required=True, metavar="FOLDER", help="folder of the photographs")
    lite.add_argument(
        "--captions",
        type=Path,
        required=True,
        metavar="captions.json",
        help='{"NAME.jpg": {"split": "train" or "dev", "captions": ["...", ...]}}',
    )
    lite.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder the model is written to")
    lite.add_argument("--seed", type=int, default=0, help="the same seed trains the same model (default 0)")
    lite.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Train and print the recall on the split `dev`."""
    from search_app.training.lite import LiteSource, train_lite
    from search_app.training.lite_fit import LiteTraining

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    tokenizer = Path(str(files("search_app.encoders") / "lite_model" / "tokenizer.json"))
    source = LiteSource(arguments.pairs, arguments.captions, tokenizer)
    report = train_lite(source, arguments.out, LiteTraining(seed=arguments.seed))
    for k, value in report.recall.items():
        low, high = report.intervals[k]
        print(f"R@{k:<3} {value:.4f}  95% interval {low:.4f} - {high:.4f}, {report.photographs} photographs of dev")
    print(f"{arguments.out} holds the model, {report.bytes / 1e6:.1f} MB")
    return 0
