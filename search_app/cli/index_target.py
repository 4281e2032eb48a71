"""Which collection an index run fills: what SEARCH_COLLECTION stands for, or a new one beside it."""

import argparse
from contextlib import closing
from dataclasses import dataclass

from search_app.cli.options import asking_settings, settings_from
from search_app.errors import SettingsError
from search_app.index.aliases import is_name
from search_app.index.base import IndexStore
from search_app.settings import Settings
from search_app.wiring_index import open_catalogue, open_collection, resolved_collection


@dataclass(frozen=True, slots=True)
class Target:
    """Looked up once: both passes of a run go into the same collection, wherever an alias is switched meanwhile."""

    settings: Settings
    collection: str

    def store(self) -> IndexStore:
        """Open it."""
        return open_collection(self.settings, self.collection)


def add_into(parser: argparse.ArgumentParser) -> None:
    """Add --into."""
    parser.add_argument(
        "--into",
        metavar="NEW",
        help="fill this collection beside the one that answers, which stays as it is; then `alias switch NEW`",
    )


def target_of(arguments: argparse.Namespace) -> Target:
    """The collection and the settings it is filled with.

    Raises `SettingsError` for an `--into` that is no new collection beside the one that answers.
    """
    if arguments.into is None:
        settings = asking_settings(arguments)
        return Target(settings, resolved_collection(settings))
    settings, into = settings_from(arguments), arguments.into
    if not is_name(into):
        raise SettingsError(
            f"--into {into!r}: a collection's name has up to 64 letters, digits, '.', '_' and '-', the first a letter "
            f"or a digit"
        )
    with closing(open_catalogue(settings)) as catalogue:
        stands_for, own = catalogue.resolve(into), catalogue.resolve(settings.collection)
    if stands_for != into:
        raise SettingsError(f"--into {into}: that is an alias of {stands_for}; give the new collection another name")
    if into == own:
        raise SettingsError(
            f"--into {into}: that is what SEARCH_COLLECTION={settings.collection} answers from; leave --into out to "
            f"change it as it lies, or give the new collection another name"
        )
    return Target(settings, into)
