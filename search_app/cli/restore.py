"""`restore FILE`: a collection of the one file that `snapshot` wrote."""

import argparse
from contextlib import ExitStack
from pathlib import Path

from search_app.cli.migrate import add_target_options, move_options, say, steps_on_terminal
from search_app.cli.options import Subparsers
from search_app.cli.places import spelled
from search_app.moving.archive import open_archive
from search_app.moving.move import move
from search_app.settings import load_settings
from search_app.wiring_index import open_collection


def add_parser(commands: Subparsers) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "restore",
        help="make a collection of such a file",
        description="Make a collection of what `snapshot` wrote. Every part is checked against its SHA-256, the "
        "collection is compared with the file point by point, and readers see it when it is equal.",
    )
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("--into", metavar="NAME", help="collection to make; default: the name it was taken from")
    add_target_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Make, verify and show it."""
    archive = open_archive(arguments.file)
    settings = load_settings(collection=arguments.into or archive.manifest.collection)
    with ExitStack() as stack:
        store = open_collection(settings, settings.collection)
        done = move(archive, store, steps_on_terminal(stack), move_options(arguments, settings))
    say(done, spelled(settings))
    return 0
