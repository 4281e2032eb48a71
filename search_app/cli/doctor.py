"""`doctor`: is what runs here sound? Model, index, and whether they belong together."""

import argparse

from search_app.cli.options import Subparsers, add_model_options, settings_from
from search_app.errors import NoIndexYet, VectorIndexError
from search_app.evaluation.selfcheck import Check, check_encoder
from search_app.index.base import IndexStore
from search_app.wiring import open_encoder, open_store

MARKS = {True: "ok  ", False: "FAIL", None: "--  "}


def add_parser(commands: Subparsers) -> None:
    """Describe the command."""
    parser = commands.add_parser("doctor", help="check the model and the index")
    add_model_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print every check; 1 when one failed."""
    settings = settings_from(arguments)
    encoder = open_encoder(settings)
    try:
        print(
            f"model {encoder.spec.name}, {encoder.spec.dim} dimensions, {encoder.spec.device} {encoder.spec.precision}"
        )
        checks = [*check_encoder(encoder), _check_index(open_store(settings), encoder.spec.fingerprint)]
    finally:
        encoder.close()
    for check in checks:
        print(f"{MARKS[check.ok]}  {check.name}: {check.detail}")
    return 1 if any(check.ok is False for check in checks) else 0


def _check_index(store: IndexStore, fingerprint: str) -> Check:
    name = "the index opens, holds what it should, and is of this model"
    try:
        reader = store.reader()
        try:
            manifest, count = reader.manifest(), reader.count()
        finally:
            reader.close()
    except NoIndexYet as nothing:
        return Check(name, None, str(nothing))
    except VectorIndexError as error:
        return Check(name, ok=False, detail=str(error))
    if manifest.fingerprint != fingerprint:
        return Check(
            name, ok=False, detail=f"it was made by {manifest.model}: set SEARCH_MODEL, or index with --rebuild"
        )
    return Check(name, ok=True, detail=f"{count} pictures of {manifest.folder}, generation {manifest.generation}")
