"""`duplicates`: which pictures are there more than once, and what they take. Deletes nothing."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from search_app.cli.options import Subparsers, add_model_options, settings_from
from search_app.cli.plain import plain
from search_app.cli.progress import TerminalProgress
from search_app.datatypes import Known
from search_app.errors import SettingsError
from search_app.index.base import IndexStore
from search_app.ingest.copy_groups import CopyGroup, SimilarPair, list_groups, similar_pairs
from search_app.ingest.pipeline import IngestOptions, run_ingest
from search_app.settings import Settings
from search_app.wiring import open_encoder
from search_app.wiring_index import open_memory_store, open_store


def add_parser(commands: Subparsers) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "duplicates",
        help="list pictures that are there more than once",
        description="List the groups of pictures that are copies of each other: of the same bytes, or the same picture "
        "saved in another format, size or tone. Nothing is deleted or changed. Without FOLDER the collection is asked, "
        "which `index` has filled; with it, that folder is looked at as it is now, and nothing is stored: all of its "
        "pictures are embedded for that, which takes as long as `index`.",
    )
    parser.add_argument("folder", nargs="?", type=Path, metavar="FOLDER", help="default: the indexed collection")
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    parser.add_argument(
        "--similar",
        type=float,
        metavar="COSINE",
        help="also list pairs of other pictures whose vectors are at least this near, 0 to 1, such as 0.9",
    )
    add_model_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """List groups, and similar pairs where asked for; 0 whether there are any or not."""
    if arguments.similar is not None and not 0 <= arguments.similar <= 1:
        raise SettingsError(f"--similar {arguments.similar}: a cosine from 0 to 1 is needed, such as 0.9")
    settings = settings_from(arguments)
    store = open_store(settings) if arguments.folder is None else _look_at(arguments.folder, settings)
    reader = store.reader()
    try:
        manifest, known = reader.manifest(), list(reader.scan())
        similar = [] if arguments.similar is None else similar_pairs(reader, known, arguments.similar)
    finally:
        reader.close()
    groups = list_groups(known)
    if arguments.json:
        print(json.dumps(_to_json(manifest.folder, known, groups, similar), indent=2, ensure_ascii=False))
    else:
        _print(manifest.folder, known, groups, similar)
    _complain_of_old(known)
    return 0


def _look_at(folder: Path, settings: Settings) -> IndexStore:
    """A collection in memory of what `folder` holds now."""
    store = open_memory_store(settings)
    encoder = open_encoder(settings)
    try:
        with TerminalProgress("looking at", "pictures") as progress:
            report = run_ingest(folder, encoder, store, IngestOptions(settings.max_pixels, settings.workers), progress)
    finally:
        encoder.close()
    for item in report.skipped:
        print(plain(f"skipped {item.path}: {item.reason}"), file=sys.stderr)
    return store


def _print(folder: str, known: Sequence[Known], groups: Sequence[CopyGroup], similar: Sequence[SimilarPair]) -> None:
    copies = sum(len(group.members) - 1 for group in groups)
    print(f"{folder}: {copies} of {len(known)} pictures are copies of others, in {len(groups)} groups")
    if groups:
        print(
            f"one file of each group kept, the largest, the others take {_size(sum(g.reclaimable for g in groups))}; "
            f"{_size(sum(g.same_bytes for g in groups))} of all are the very bytes of another file"
        )
    for group in groups:
        print(f"\n{group.level}, {len(group.members)} files, {_size(group.reclaimable)} but for the largest")
        for member in group.members:
            one = member.known.picture
            shape = f"{one.width} x {one.height} {one.format}"
            print(
                f"  {member.known.id:>7}  {shape:<20} {_size(one.size_bytes):>9}  {member.level:<12}  {plain(one.path)}"
            )
    if similar:
        print(f"\n{len(similar)} pairs of other pictures are similar:")
    for pair in similar:
        print(plain(f"  {pair.cosine:.4f}  {pair.first.picture.path}  {pair.second.picture.path}"))


def _size(count: int) -> str:
    return f"{count} B" if count < 1000 else f"{count / 1e3:.1f} kB" if count < 1e6 else f"{count / 1e6:.1f} MB"


def _to_json(
    folder: str, known: Sequence[Known], groups: Sequence[CopyGroup], similar: Sequence[SimilarPair]
) -> dict[str, object]:
    return {
        "folder": folder,
        "pictures": len(known),
        "copies": sum(len(group.members) - 1 for group in groups),
        "reclaimable_bytes": sum(group.reclaimable for group in groups),
        "same_bytes": sum(group.same_bytes for group in groups),
        "groups": [
            {
                "level": group.level,
                "reclaimable_bytes": group.reclaimable,
                "pictures": [{**_picture(member.known), "level": member.level} for member in group.members],
            }
            for group in groups
        ],
        "similar": [
            {"cosine": pair.cosine, "pictures": [_picture(pair.first), _picture(pair.second)]} for pair in similar
        ],
    }


def _picture(known: Known) -> dict[str, object]:
    one = known.picture
    return {
        "id": known.id,
        "path": one.path,
        "width": one.width,
        "height": one.height,
        "format": one.format,
        "size_bytes": one.size_bytes,
    }


def _complain_of_old(known: Sequence[Known]) -> None:
    old = sum(not item.picture.phash for item in known)
    if old:
        print(
            f"{old} of {len(known)} pictures were indexed by an older version, which kept no perceptual hash: of these "
            "only copies of the same bytes are known. `python -m search_app index FOLDER` looks at them once more",
            file=sys.stderr,
        )
