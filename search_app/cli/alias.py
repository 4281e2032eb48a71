"""`alias`: names that stand for collections, moved from one to another while the service answers."""

import argparse
import json
from contextlib import closing

from search_app.cli.options import Subparsers
from search_app.settings import load_settings
from search_app.wiring_index import open_catalogue


def add_parser(commands: Subparsers) -> None:
    """Describe the command and what it can do."""
    parser = commands.add_parser(
        "alias",
        help="let a name stand for another collection, and go back",
        description="A service that is asked by an alias follows it within a second, and no request fails for that. "
        "An alias may bear the name of a collection, which it then stands before.",
    )
    actions = parser.add_subparsers(title="actions", required=True, metavar="ACTION")
    switch = actions.add_parser("switch", help="let the alias stand for a collection from now on")
    switch.add_argument("collection", metavar="NEW", help="as `collections` lists it")
    switch.set_defaults(run=_switch)
    back = actions.add_parser("back", help="let it stand for what it stood for before; again for what was before that")
    back.set_defaults(run=_back)
    remove = actions.add_parser("remove", help="forget the alias, so that its name stands for itself")
    remove.set_defaults(run=_remove)
    for action in (switch, back, remove):
        action.add_argument("--alias", metavar="NAME", help="default: SEARCH_COLLECTION")
    show = actions.add_parser("list", help="what each alias stands for, and stood for before")
    show.add_argument("--json", action="store_true", help="print JSON instead of text")
    show.set_defaults(run=_list)


def _switch(arguments: argparse.Namespace) -> int:
    settings = load_settings()
    alias = arguments.alias or settings.collection
    with closing(open_catalogue(settings)) as catalogue:
        stood = catalogue.switch(alias, arguments.collection)
    if stood == arguments.collection:
        print(f"{alias} stands for {stood} already")
    else:
        print(f"{alias} stands for {arguments.collection} now; before it was {stood}")
    return 0


def _back(arguments: argparse.Namespace) -> int:
    settings = load_settings()
    alias = arguments.alias or settings.collection
    with closing(open_catalogue(settings)) as catalogue:
        print(f"{alias} stands for {catalogue.back(alias)} again")
    return 0


def _remove(arguments: argparse.Namespace) -> int:
    settings = load_settings()
    alias = arguments.alias or settings.collection
    with closing(open_catalogue(settings)) as catalogue:
        stood = catalogue.remove(alias)
        is_collection = alias in catalogue.collections()
    now = "it is the collection of that name" if is_collection else "no collection is called so"
    print(f"{alias} is no alias any more, it stood for {stood}; now {now}")
    return 0


def _list(arguments: argparse.Namespace) -> int:
    with closing(open_catalogue(load_settings())) as catalogue:
        rows = [
            {"alias": alias, "collection": collection, "before": catalogue.before(alias)}
            for alias, collection in catalogue.aliases().items()
        ]
    if arguments.json:
        print(json.dumps(rows, ensure_ascii=False, indent=1))
        return 0
    for row in rows:
        before = f"  (before: {', '.join(row['before'])})" if row["before"] else ""
        print(f"{row['alias']} -> {row['collection']}{before}")
    if not rows:
        print("there are no aliases: every name is the collection of that name")
    return 0
