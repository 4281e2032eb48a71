"""`snapshot` and `restore`: a collection as one file, and back."""

import argparse
from contextlib import ExitStack
from pathlib import Path

from search_app.cli.migrate import add_target_options, move_options, pinned, say, steps_on_terminal
from search_app.cli.options import Subparsers
from search_app.cli.places import spelled
from search_app.cli.plain import plain
from search_app.cli.progress import TerminalProgress
from search_app.moving.archive import open_archive
from search_app.moving.move import move
from search_app.moving.snapshot import write_snapshot
from search_app.settings import load_settings
from search_app.wiring import open_collection


def add_parser(commands: Subparsers) -> None:
    """Describe both commands."""
    parser = commands.add_parser(
        "snapshot",
        help="write a collection to one file, while the service answers",
        description="Write one generation of a collection to a tar of Parquet files, which every engine can be "
        "restored from, also another than it was taken from. The pictures themselves are not in it.",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="a file that is not there yet")
    parser.add_argument("--collection", help="collection to take (SEARCH_COLLECTION)")
    parser.set_defaults(run=_snapshot)
    parser = commands.add_parser(
        "restore",
        help="make a collection of such a file",
        description="Make a collection of what `snapshot` wrote. Every part is checked against its SHA-256, the "
        "collection is compared with the file point by point, and readers see it when it is equal.",
    )
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("--into", metavar="NAME", help="collection to make; default: the name it was taken from")
    add_target_options(parser)
    parser.set_defaults(run=_restore)


def _snapshot(arguments: argparse.Namespace) -> int:
    settings = load_settings(collection=arguments.collection)
    with pinned(settings) as index, TerminalProgress("writing", "pictures") as progress:
        written = write_snapshot(index, arguments.out, progress)
    manifest = written.contents.manifest
    generation = f"generation {manifest.generation} of collection {manifest.collection!r}, {manifest.count} pictures"
    print(
        plain(f"{arguments.out} holds {generation}: {written.size / 1e6:.1f} MB, checksum {written.contents.checksum}")
    )
    return 0


def _restore(arguments: argparse.Namespace) -> int:
    archive = open_archive(arguments.file)
    settings = load_settings(collection=arguments.into or archive.manifest.collection)
    with ExitStack() as stack:
        store = open_collection(settings, settings.collection)
        done = move(archive, store, steps_on_terminal(stack), move_options(arguments, settings))
    say(done, spelled(settings))
    return 0
