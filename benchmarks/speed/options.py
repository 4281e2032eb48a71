"""The options that benchmarks have in common, each said once."""

import argparse
from pathlib import Path

from benchmarks.speed.results import RESULTS


def parser_of(name: str, doc: str | None, *, quick: str = "tiny: only whether it works") -> argparse.ArgumentParser:
    """A parser for `python -m benchmarks NAME` that knows `--quick`, which does what `quick` says, and `--results`."""
    parser = argparse.ArgumentParser(
        prog=f"python -m benchmarks {name}", description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help=quick)
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder where the figures are kept")
    return parser


def add_vectors(parser: argparse.ArgumentParser, *, work: str, real: int = 8_192) -> None:
    """`--cache` and `--real`, where vectors come from, and `--work`, whose help says what lies there."""
    parser.add_argument("--cache", type=Path, required=True, help="what `python -m benchmarks vectors` filled")
    parser.add_argument("--work", type=Path, required=True, help=work)
    parser.add_argument("--real", type=int, default=real, help="real vectors; the rest is made around these")


def add_home(parser: argparse.ArgumentParser) -> None:
    """`--home`: a folder that benchmarks of a running service share."""
    parser.add_argument("--home", type=Path, help="where their collections are made, and found the next time")


def resolve_home(arguments: argparse.Namespace) -> str:
    """Make the folder absolute, as services started elsewhere need it; the option as a told command has it."""
    arguments.home = arguments.home and arguments.home.resolve()
    return " --home HOME" if arguments.home else ""
