"""`train MODEL`: make an encoder; one module a kind of training."""

from search_app.cli import train_adapter, train_finetune, train_lite
from search_app.cli.options import Subparsers

MODELS = (train_adapter, train_lite, train_finetune)


def add_parser(commands: Subparsers) -> None:
    """Describe the command."""
    parser = commands.add_parser("train", help="train an encoder")
    models = parser.add_subparsers(title="models", required=True, metavar="MODEL")
    for model in MODELS:
        model.add_parser(models)
