"""`keys`: make API keys for the service."""

import argparse

from search_app.api.guarding.keys import Scope, new_key
from search_app.cli.options import Subparsers

_SCOPES = [scope.name.lower() for scope in Scope]


def add_parser(commands: Subparsers) -> None:
    """Describe the command and its one subcommand."""
    parser = commands.add_parser("keys", help="make API keys for the service")
    actions = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    new = actions.add_parser("new", help="print a new key, once, and the line to keep of it")
    new.add_argument("--scope", choices=_SCOPES, required=True, help="what it opens: docs/security.md")
    new.add_argument("--name", required=True, help="whose it is: letters, digits, dots, dashes, underscores")
    new.add_argument("--collection", default="", help="the one collection or alias it may ask (default: all)")
    new.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the key and its line; neither is stored."""
    secret, entry = new_key(arguments.name, Scope[arguments.scope.upper()], arguments.collection)
    print(f"key, shown this once: {secret}")
    print(f"for SEARCH_API_KEYS or a line of SEARCH_API_KEYS_FILE: {entry}")
    return 0
