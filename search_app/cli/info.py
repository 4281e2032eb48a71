"""`info`: what the collection holds and what made it, without opening the model."""

import argparse
import json
from dataclasses import asdict

from search_app.cli.options import Subparsers, add_model_options, settings_from
from search_app.wiring_index import open_store

FIELDS = ("collection", "model", "folder", "count", "generation", "dim")


def add_parser(commands: Subparsers) -> None:
    """Describe the command."""
    parser = commands.add_parser("info", help="what the collection holds and what made it")
    parser.add_argument("--field", choices=FIELDS, help="print this value only")
    add_model_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the manifest of the collection as JSON, or one value of it."""
    reader = open_store(settings_from(arguments)).reader()
    try:
        manifest = asdict(reader.manifest())
    finally:
        reader.close()
    print(manifest[arguments.field] if arguments.field else json.dumps(manifest, indent=2, ensure_ascii=False))
    return 0
