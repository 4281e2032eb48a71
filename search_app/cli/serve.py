"""`serve`: the HTTP service, as `uvicorn search_app.main:app` starts it."""

import argparse
import os

from search_app.cli.options import Subparsers
from search_app.settings import load_settings


def add_parser(commands: Subparsers) -> None:
    """Describe the command."""
    parser = commands.add_parser("serve", help="answer over HTTP, with a search page at /")
    parser.add_argument("--host", default="127.0.0.1", help="address to bind (default 127.0.0.1: this machine only)")
    parser.add_argument("--port", type=int, help="default: PORT, else 8000")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serve until stopped."""
    import uvicorn

    load_settings()  # a wrong value stops the start here, in one sentence
    port = arguments.port if arguments.port is not None else int(os.environ.get("PORT", "8000"))
    uvicorn.run("search_app.main:app", host=arguments.host, port=port)
    return 0
