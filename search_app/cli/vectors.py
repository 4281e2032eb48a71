"""`vectors`: out to files that any program reads, and in from those that others made."""

import argparse
from contextlib import ExitStack
from pathlib import Path

from search_app.cli.migrate import move_options, pinned, say, steps_on_terminal
from search_app.cli.options import Subparsers, add_model_options, settings_from
from search_app.cli.places import spelled
from search_app.cli.plain import plain
from search_app.cli.progress import TerminalProgress
from search_app.errors import SettingsError
from search_app.moving.exporting import export
from search_app.moving.importing import Imported, ImportOptions, import_rows, own_export
from search_app.moving.layouts import LAYOUTS, Columns, layout_of
from search_app.moving.move import move
from search_app.settings import load_settings
from search_app.wiring import open_encoder
from search_app.wiring_index import open_collection


def add_parser(commands: Subparsers) -> None:
    """Describe the command and its two directions."""
    parser = commands.add_parser(
        "vectors",
        help="export vectors and what is known about the pictures, or import them",
        description="Nobody is locked in: vectors go out as Parquet, numpy or in clip-retrieval's layout, and those "
        "that were made elsewhere come in without embedding anything again.",
    )
    actions = parser.add_subparsers(title="actions", required=True, metavar="ACTION")
    out = actions.add_parser("export", help="write a collection to a folder of files")
    out.add_argument("out", type=Path, metavar="OUT", help="folder to make")
    out.add_argument("--format", choices=LAYOUTS, default="parquet", help="default parquet: alone has everything")
    out.add_argument("--collection", help="collection to export (SEARCH_COLLECTION)")
    out.set_defaults(run=_export)
    _add_import(actions)


def _add_import(actions: Subparsers) -> None:
    into = actions.add_parser("import", help="make a collection of vectors that are there")
    into.add_argument("place", type=Path, metavar="IN", help="folder in one of the layouts, or one Parquet file")
    into.add_argument("--folder", metavar="FOLDER", default="", help="where the pictures lie that IN has the paths of")
    add_model_options(into)
    into.add_argument("--replace", action="store_true", help="replace the collection that is there")
    into.add_argument("--vector-column", default="", metavar="NAME", help="of Parquet files of others")
    into.add_argument("--path-column", default="", metavar="NAME", help="of files of others")
    into.add_argument("--normalise", action="store_true", help="make vectors of other lengths 1 long, not leave out")
    into.add_argument("--no-files", action="store_true", help="do not look at the pictures that are here")
    into.add_argument("--check", type=int, default=16, metavar="N", help="pictures to embed once more (default 16)")
    into.set_defaults(run=_import)


def _export(arguments: argparse.Namespace) -> int:
    settings = load_settings(collection=arguments.collection)
    with pinned(settings) as index, TerminalProgress("writing", "pictures") as progress:
        count = export(index, arguments.out, arguments.format, progress)
        manifest = index.manifest
    print(plain(f"{arguments.out} holds {count} vectors of {manifest.model} ({manifest.dim} numbers each)"))
    return 0


def _import(arguments: argparse.Namespace) -> int:
    settings = settings_from(arguments)
    layout = layout_of(arguments.place)
    target = open_collection(settings, settings.collection)
    ours = own_export(arguments.place, layout)
    with ExitStack() as stack:
        steps = steps_on_terminal(stack)
        if ours is not None:
            done = move(ours, target, steps, move_options(arguments, settings))
        else:
            encoder = open_encoder(settings)
            stack.callback(encoder.close)
            imported = import_rows(arguments.place, encoder, target, _options(arguments, settings.max_pixels), steps)
    if ours is not None:
        say(done, spelled(settings))
    else:
        _say(imported, spelled(settings))
    return 0


def _options(arguments: argparse.Namespace, max_pixels: int) -> ImportOptions:
    if not arguments.folder:
        raise SettingsError("--folder FOLDER is needed: where the pictures lie, or would, that the paths are of")
    return ImportOptions(
        folder=Path(arguments.folder).absolute(),
        max_pixels=max_pixels,
        columns=Columns(arguments.vector_column, arguments.path_column),
        normalise=arguments.normalise,
        looks=not arguments.no_files,
        checked=arguments.check,
        replace=arguments.replace,
    )


def _say(done: Imported, where: str) -> None:
    manifest, taken = done.manifest, done.taken
    print(
        plain(
            f"{where} holds {manifest.count} pictures as vectors of {manifest.model}; {taken.seen} files were looked at"
        )
    )
    for why, count in taken.bad.most_common():
        print(plain(f"  {count} rows were left out: {why} (first {taken.first_bad[why]})"))
    if done.cosines:
        print(f"{len(done.cosines)} pictures were embedded once more: least cosine {min(done.cosines):.4f}")
    else:
        print(f"that {manifest.model} made them was not checked: no picture was embedded once more. Nothing in a file")
        print("of vectors proves its model; where it was another one, searches answer by chance")
