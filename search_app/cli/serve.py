"""`serve`: the HTTP service, as `uvicorn search_app.main:app` starts it."""

import argparse
import os

from search_app.cli.options import Subparsers
from search_app.errors import SettingsError
from search_app.settings import load_settings


def add_parser(commands: Subparsers) -> None:
    """Describe the command."""
    parser = commands.add_parser("serve", help="answer over HTTP, with a search page at /")
    parser.add_argument("--host", default="127.0.0.1", help="address to bind (default 127.0.0.1: this machine only)")
    parser.add_argument("--port", type=int, help="default: PORT, else 8000")
    parser.add_argument(
        "--workers",
        type=int,
        default=1,
        help="processes that answer (default 1); of an embedded index each beyond the first makes a copy of its own",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serve until stopped."""
    import uvicorn

    if arguments.workers < 1:
        raise SettingsError(f"--workers {arguments.workers}: at least one process must answer")
    load_settings()  # a wrong value stops the start here, in one sentence
    port = arguments.port if arguments.port is not None else int(os.environ.get("PORT", "8000"))
    uvicorn.run("search_app.main:app", host=arguments.host, port=port, workers=arguments.workers)
    return 0
