"""`train MODEL`: make an encoder."""

import argparse
from pathlib import Path

from search_app.cli.options import Subparsers


def add_parser(commands: Subparsers) -> None:
    """Describe the command."""
    parser = commands.add_parser("train", help="train an encoder")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """x."""
    return 0
