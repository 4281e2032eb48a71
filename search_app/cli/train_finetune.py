"""`train finetune`: an open_clip model, tuned on your own pictures and sentences."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from search_app.cli.options import Subparsers, command_line, settings_from
from search_app.cli.train_progress import TrainingProgress
from search_app.errors import TrainingError
from search_app.evaluation.trec import read_qrels, read_topics

if TYPE_CHECKING:
    from search_app.training.finetune.data import PairCollection
    from search_app.training.finetune.save import FinetuneReport

TUNED = (
    ("train", str, "MODE", "weights that are learnt: all, last:N blocks of each tower, or heads (default all)"),
    ("epochs", int, "N", "times the pictures are gone through at most (default 10)"),
    ("batch", int, "N", "pairs that are told from each other in one step (default 128)"),
    ("micro_batch", int, "N", "pairs in memory at once; fewer take less memory and more time (default 64)"),
    ("rate", float, "X", "highest learning rate (default 1e-5, for heads 1e-4)"),
    ("decay", float, "X", "weight decay (default 0.1)"),
    ("warm_up", float, "SHARE", "share of the steps in which the rate rises (default 0.1)"),
    ("clip", float, "X", "longer gradients are shortened to this (default 1)"),
    ("patience", int, "N", "epochs without a better R@10 after which it ends (default 3)"),
    ("interpolate", float, "SHARE", "share of the tuned weights in the result, the rest is the original's (default 1)"),
    ("seed", int, "N", "the same seed trains the same model (default 0)"),
)
"""Options that go to `FinetuneOptions` under the same name; what is not given keeps the default there."""


def add_parser(models: Subparsers) -> None:
    """Describe the command."""
    parser = models.add_parser(
        "finetune",
        help="an open_clip model, tuned on your pictures and sentences",
        description="Tune an open_clip model. It can be stopped at any time: the same command goes on, and ends in the "
        "same model as a run that was never stopped.",
    )
    parser.add_argument("--model", metavar="ARCH/TAG", help="what is tuned, or ARCH/path/to/checkpoint (SEARCH_MODEL)")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], help="where it is trained (SEARCH_DEVICE)")
    parser.add_argument("--pairs", type=Path, required=True, metavar="FOLDER", help="folder of the pictures")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder the model is written to")
    given = parser.add_mutually_exclusive_group(required=True)
    given.add_argument(
        "--captions",
        type=Path,
        metavar="captions.json",
        help='{"NAME.jpg": {"split": "train" or "dev", "captions": ["...", ...]}}',
    )
    given.add_argument("--tsv", type=Path, metavar="PAIRS.tsv", help="path<TAB>text, a line a pair")
    given.add_argument("--qrels", type=Path, metavar="Q.txt", help="judgements, qid 0 PATH grade; with --topics")
    parser.add_argument("--topics", type=Path, metavar="T.tsv", help="qid<TAB>text: what was judged")
    parser.add_argument(
        "--dev-share", type=float, default=0.1, metavar="SHARE", help="held out where no split `dev` is given (0.1)"
    )
    for name, kind, metavar, text in TUNED:
        parser.add_argument(f"--{name.replace('_', '-')}", type=kind, metavar=metavar, help=text)
    parser.add_argument(
        "--crop", dest="least_kept", type=float, metavar="SHARE", help="least share of a picture in a cut (default 0.9)"
    )
    parser.add_argument(
        "--checkpoint-every", type=int, default=200, metavar="STEPS", help="and after each epoch (default 200)"
    )
    parser.set_defaults(run=run, collection=None)


def run(arguments: argparse.Namespace) -> int:
    """Tune, and print what it brought on the held-out pictures."""
    from search_app.training.finetune.options import FinetuneOptions
    from search_app.training.finetune.run import FinetunePlan, finetune
    from search_app.training.log import Watch

    names = [name for name, *_ in TUNED] + ["least_kept"]
    chosen = {name: value for name in names if (value := getattr(arguments, name)) is not None}
    options = FinetuneOptions(**chosen)
    settings = settings_from(arguments)
    plan = FinetunePlan(
        base=settings.model,
        pictures=arguments.pairs,
        out=arguments.out,
        options=options,
        command=command_line(),
        device=settings.device,
        max_pixels=settings.max_pixels,
        checkpoint_every=arguments.checkpoint_every,
    )
    pairs = read(arguments, options.seed)
    with TrainingProgress() as shown:
        report = finetune(pairs, plan, Watch(shown.show, shown.epoch))
    print(*lines_of(report, arguments.out), sep="\n")
    return 0


def read(arguments: argparse.Namespace, seed: int) -> "PairCollection":
    """The pairs, from whichever source was named."""
    from search_app.training.finetune.data import HoldOut, pairs_of_labels, read_captions, read_pairs

    if (arguments.topics is None) != (arguments.qrels is None):
        raise TrainingError("--qrels and --topics go together: what was judged, and its text")
    how = HoldOut(arguments.dev_share, seed)
    if arguments.captions is not None:
        return read_captions(arguments.captions, how)
    if arguments.tsv is not None:
        return read_pairs(arguments.tsv, how)
    grades = read_qrels(arguments.qrels).grades
    return pairs_of_labels(read_topics(arguments.topics), grades, how, arguments.qrels.name)


def lines_of(report: "FinetuneReport", out: Path) -> list[str]:
    """What a user wants to know."""
    lines = [
        f"{out} holds epoch {report.best} of {report.epochs}; {report.learnt:,} of {report.weights:,} weights learnt"
    ]
    if not report.best:
        lines.append("  no epoch was better than the original on the held-out pictures: these are its weights")
    for name, each in report.figures.items():
        lines.append(
            f"  {name:<4} {each['original']:.4f} -> {each['value']:.4f}  gain {each['gain']:+.4f}, 95% interval "
            f"{each['gain_low']:+.4f} - {each['gain_high']:+.4f}, {report.pictures} held-out pictures"
        )
    if report.note:
        lines.append(f"  note: {report.note}")
    lines += [f"  skipped {each.file}: {each.reason}" for each in report.skipped[:10]]
    if len(report.skipped) > 10:
        lines.append(f"  {len(report.skipped)} pictures skipped in all, listed in {out / 'README.md'}")
    return [*lines, f"serve it: SEARCH_MODEL={report.served_as}"]
