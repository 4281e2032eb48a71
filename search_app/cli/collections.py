"""`collections`: what there is to answer from, and how what is not needed any more is removed."""

import argparse
import json
from collections.abc import Sequence
from contextlib import closing
from typing import Any

from search_app.cli.options import Subparsers
from search_app.cli.plain import plain
from search_app.errors import IndexInUse
from search_app.evaluation.tables import TextTable
from search_app.index.catalogue import CollectionFacts
from search_app.settings import load_settings
from search_app.wiring_index import open_catalogue

_HEAD = ("collection", "pictures", "model", "generation", "size", "aliases", "folder")


def add_parser(commands: Subparsers) -> None:
    """Describe the command and what it can do."""
    parser = commands.add_parser(
        "collections",
        help="list the collections, or remove one",
        description="Without an action: every collection with its model, how many pictures it holds, its generation, "
        "what it takes on the disk, its folder and the aliases that stand for it. * marks what SEARCH_COLLECTION leads "
        "to.",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.set_defaults(run=_list)
    actions = parser.add_subparsers(title="actions", metavar="ACTION")
    drop = actions.add_parser("drop", help="remove a collection for good: no pictures, but all that was embedded")
    drop.add_argument("name", metavar="NAME")
    drop.set_defaults(run=_drop)


def _list(arguments: argparse.Namespace) -> int:
    settings = load_settings()
    with closing(open_catalogue(settings)) as catalogue:
        facts = [catalogue.facts(name) for name in catalogue.collections()]
        aliases, own = catalogue.aliases(), catalogue.resolve(settings.collection)
    rows = [_row(one, [alias for alias, name in aliases.items() if name == one.name]) for one in facts]
    if arguments.json:
        print(json.dumps(rows, ensure_ascii=False, indent=1))
    elif rows:
        print(_table(rows, own).plain())
    else:
        print(f"nothing was indexed yet into {settings.qdrant_url or settings.index_dir}")
    return 0


def _drop(arguments: argparse.Namespace) -> int:
    settings = load_settings()
    with closing(open_catalogue(settings)) as catalogue:
        if catalogue.resolve(settings.collection) == arguments.name:
            raise IndexInUse(
                f"{arguments.name} is what SEARCH_COLLECTION={settings.collection} answers from: "
                f"`python -m search_app alias switch OTHER` first"
            )
        catalogue.drop(arguments.name)
    print(f"{arguments.name} is gone; the pictures it was made of are untouched")
    return 0


def _row(facts: CollectionFacts, aliases: Sequence[str]) -> dict[str, Any]:
    manifest = facts.manifest
    return {
        "collection": facts.name,
        "pictures": manifest.count if manifest else None,
        "model": manifest.model if manifest else None,
        "generation": manifest.generation if manifest else None,
        "size_bytes": facts.size_bytes,
        "aliases": [*aliases],
        "folder": manifest.folder if manifest else None,
        "fault": facts.fault,
    }


def _table(rows: Sequence[dict[str, Any]], own: str) -> TextTable:
    lines = tuple(
        (
            f"{row['collection']}{' *' if row['collection'] == own else ''}",
            _shown(row["pictures"]),
            _shown(row["model"]),
            _shown(row["generation"]),
            "-" if row["size_bytes"] is None else f"{row['size_bytes'] / 1e6:.1f} MB",
            ", ".join(row["aliases"]) or "-",
            plain(row["folder"] or row["fault"] or "nothing was committed yet"),
        )
        for row in rows
    )
    return TextTable("* is what SEARCH_COLLECTION leads to", _HEAD, lines)


def _shown(value: object) -> str:
    return "-" if value is None else str(value)
