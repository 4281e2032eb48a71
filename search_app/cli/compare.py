"""`compare`: models on the same labels, or run files on the same judgements."""

import argparse

from search_app.cli import compare_collections, compare_models, compare_runs
from search_app.cli.options import Subparsers
from search_app.errors import EvaluationError


def add_parser(commands: Subparsers) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "compare",
        help="compare models or collections on labels, or run files on judgements",
        description="With --models: index the pictures with each model into a collection of its own, evaluate all on "
        "the same labels, and print quality against cost. Stopped and started again it goes on; a model that cannot "
        "be had is passed over with a sentence. With --collections: evaluate collections that are there, each with the "
        "model that made it. With --runs: compare TREC run files.",
    )
    compare_models.add_options(parser)
    compare_collections.add_options(parser)
    compare_runs.add_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Compare what was named."""
    if sum(map(bool, (arguments.models, arguments.collections, arguments.runs))) != 1:
        raise EvaluationError(
            "compare needs either --models M ... with --labels FOLDER, or --runs RUN ... with --qrels Q, or "
            "--collections NAME ... with --labels FOLDER"
        )
    if arguments.collections:
        return compare_collections.run(arguments)
    return compare_models.run(arguments) if arguments.models else compare_runs.run(arguments)
