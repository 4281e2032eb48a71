"""`migrate`: a collection from one place to another, copied, compared and only then shown."""

import argparse
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from search_app.cli.options import Subparsers
from search_app.cli.places import FORM, settings_at, spelled
from search_app.cli.plain import plain
from search_app.cli.progress import TerminalProgress
from search_app.errors import SettingsError
from search_app.index.pinned import PinnedIndex
from search_app.moving.canonical import HALVES, ROUNDING
from search_app.moving.copying import Progress
from search_app.moving.move import Moved, MoveOptions, Steps, move
from search_app.settings import Settings
from search_app.sources.locations import locate
from search_app.wiring_index import open_collection, open_profile, open_store


def add_parser(commands: Subparsers) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "migrate",
        help="copy a collection to another place: a folder, a Qdrant server, and back",
        description="Copy a collection as it is: ids, vectors, what is known about the pictures, their words. The copy "
        "is compared with its source point by point, and readers see it when it is equal. Searches go on in the "
        "source. Ended half way and run again, it goes on where it was. Nothing is removed from the source.",
    )
    parser.add_argument("--from", dest="source", required=True, metavar="PLACE", help=f"{FORM}")
    parser.add_argument("--to", dest="target", required=True, metavar="PLACE", help="the same")
    for side, name in (("from", "source"), ("to", "target")):
        parser.add_argument(f"--{side}-key", dest=f"{name}_key", type=Path, metavar="FILE", help=_KEY)
    add_target_options(parser)
    parser.set_defaults(run=run)


_KEY = "file with the key of that server; default: QDRANT_API_KEY, for the server at QDRANT_URL"


def add_target_options(parser: argparse.ArgumentParser) -> None:
    """Add what is said about the collection that is made."""
    parser.add_argument("--replace", action="store_true", help="replace the collection that is there, when it is equal")
    parser.add_argument("--folder", default="", metavar="FOLDER", help="where the pictures lie now; default: as before")


def move_options(arguments: argparse.Namespace, target: Settings) -> MoveOptions:
    """What was said about the target, and what its profile of vectors loses."""
    is_half = open_profile(target).vectors.datatype == "float16"
    folder = locate(arguments.folder).text if arguments.folder else ""  # as an index run notes it
    return MoveOptions(folder, arguments.replace, HALVES if is_half else ROUNDING)


def run(arguments: argparse.Namespace) -> int:
    """Migrate and say what was compared; 0 when the copy is equal and shown."""
    source = settings_at(arguments.source, arguments.source_key)
    target = settings_at(arguments.target, arguments.target_key)
    if spelled(source) == spelled(target):
        raise SettingsError(f"{spelled(source)} is the place on both sides")
    with pinned(source) as index, ExitStack() as stack:
        store = open_collection(target, target.collection)
        done = move(index, store, steps_on_terminal(stack), move_options(arguments, target))
    say(done, spelled(target))
    return 0


@contextmanager
def pinned(settings: Settings) -> Iterator[PinnedIndex]:
    """The newest generation of the collection that SEARCH_COLLECTION stands for."""
    profile = settings.profile if settings.qdrant_url else "default"  # SEARCH_PROFILE is about what is made
    reader = open_store(settings.model_copy(update={"profile": profile})).reader()
    try:
        with reader.pinned() as index:
            yield index
    finally:
        reader.close()


def steps_on_terminal(stack: ExitStack) -> Steps:
    """A bar for each step, until the stack is left."""

    def begin(step: str) -> Progress:
        return stack.enter_context(TerminalProgress(step, "pictures"))

    return begin


def say(done: Moved, where: str) -> None:
    """What was moved, and what was found equal."""
    kept = f", {done.kept} were there from before" if done.kept else ""
    removed = f", {done.removed} that are gone were removed" if done.removed else ""
    print(plain(f"{where} holds {done.manifest.count} pictures: {done.written} copied{kept}{removed}"))
    found = done.verified
    rounded = f"; {found.rounded} of them but for the last bits of some numbers" if found.rounded else ""
    print(f"all are equal{rounded}; checksum {found.checksum}; {found.searches} searches find the same")
    print(plain(f"the next new picture gets id {done.manifest.next_id}; pictures lie in {done.manifest.folder}"))
