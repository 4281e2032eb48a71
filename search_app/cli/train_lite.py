"""`train lite`: the bundled encoder's heads, from captioned photographs."""

import argparse
import json
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from search_app.cli.options import Subparsers, command_line
from search_app.cli.train_progress import TrainingProgress

if TYPE_CHECKING:
    from search_app.training.lite.measure import LiteReport
    from search_app.training.seeds import SeedTable


def add_parser(models: Subparsers) -> None:
    """Describe the command."""
    lite = models.add_parser(
        "lite",
        help="the bundled encoder's heads, from captioned photographs",
        description="Train the heads of lite. It can be stopped at any time: the same command goes on, and ends in the "
        "same model as a run that was never stopped.",
    )
    lite.add_argument("--pairs", type=Path, required=True, metavar="FOLDER", help="folder of the photographs")
    lite.add_argument(
        "--captions",
        type=Path,
        required=True,
        metavar="captions.json",
        help='{"NAME.jpg": {"split": "train" or "dev", "captions": ["...", ...]}}',
    )
    lite.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder the model is written to")
    chosen = lite.add_mutually_exclusive_group()
    chosen.add_argument("--seed", type=int, default=0, help="the same seed trains the same model (default 0)")
    chosen.add_argument(
        "--seeds", type=int, nargs="+", metavar="N", help="one model a seed, in DIR/seed-N, and a table of their spread"
    )
    lite.add_argument(
        "--cache",
        type=Path,
        metavar="DIR",
        help="keep what the frozen networks say here, for the next run; without it, it lies in OUT until the end",
    )
    lite.add_argument("--epochs", type=int, help="times the photographs are gone through (default 12)")
    lite.add_argument("--report", type=Path, metavar="OUT", help="write the table as JSON to this file")
    lite.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Train and print the recall on the split `dev`."""
    from search_app.training.lite.fit import LiteTraining
    from search_app.training.lite.run import LiteSource, TrainingPlan, train_lite
    from search_app.training.log import Watch

    tokenizer = Path(str(files("search_app.encoders") / "lite_model" / "tokenizer.json"))
    source = LiteSource(arguments.pairs, arguments.captions, tokenizer)
    options = LiteTraining() if arguments.epochs is None else LiteTraining(epochs=arguments.epochs)
    out: Path = arguments.out
    folders = {seed: out / f"seed-{seed}" for seed in arguments.seeds or ()} or {arguments.seed: out}
    plan = TrainingPlan(options, folders, command_line(), arguments.cache)
    with TrainingProgress() as shown:
        reports = train_lite(source, plan, Watch(shown.show, shown.epoch))
    for seed, report in reports.items():
        print(f"{folders[seed]} holds the model of seed {seed}, {report.bytes / 1e6:.1f} MB")
        for k, value in report.recall.items():
            low, high = report.intervals[k]
            print(
                f"  R@{k:<3} {value:.4f}  95% interval {low:.4f} - {high:.4f}, {report.photographs} photographs of dev"
            )
    table = seed_table(reports)
    if len(reports) > 1:
        print(*table.lines(), sep="\n")
    if arguments.report is not None:
        arguments.report.write_text(json.dumps(table.to_json(), indent=2) + "\n", encoding="utf-8")
    return 0


def seed_table(reports: "Mapping[int, LiteReport]") -> "SeedTable":
    """Recall by seed."""
    from search_app.training.seeds import SeedTable

    return SeedTable({seed: {f"R@{k}": v for k, v in report.recall.items()} for seed, report in reports.items()})
