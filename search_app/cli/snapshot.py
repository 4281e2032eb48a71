"""`snapshot --out FILE`: a collection as one file, while the service answers."""

import argparse
from pathlib import Path

from search_app.cli.migrate import pinned
from search_app.cli.options import Subparsers
from search_app.cli.plain import plain
from search_app.cli.progress import TerminalProgress
from search_app.moving.snapshot import write_snapshot
from search_app.settings import load_settings


def add_parser(commands: Subparsers) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "snapshot",
        help="write a collection to one file, while the service answers",
        description="Write one generation of a collection to a tar of Parquet files, which every engine can be "
        "restored from, also another than it was taken from. The pictures themselves are not in it.",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="a file that is not there yet")
    parser.add_argument("--collection", help="collection to take (SEARCH_COLLECTION)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write it, and say what it holds."""
    settings = load_settings(collection=arguments.collection)
    with pinned(settings) as index, TerminalProgress("writing", "pictures") as progress:
        written = write_snapshot(index, arguments.out, progress)
    manifest = written.contents.manifest
    generation = f"generation {manifest.generation} of collection {manifest.collection!r}, {manifest.count} pictures"
    print(
        plain(f"{arguments.out} holds {generation}: {written.size / 1e6:.1f} MB, checksum {written.contents.checksum}")
    )
    return 0
