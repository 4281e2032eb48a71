"""`mcp`: tools for assistants, over stdin and stdout or over HTTP."""

import argparse
import os
import sys
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

from search_app.cli.options import Subparsers, add_model_options, settings_from
from search_app.errors import MissingDependency, SettingsError
from search_app.wiring import open_service

if TYPE_CHECKING:
    from search_app.client import AsyncSearchClient

_INSTALL = "pip install -c constraints.txt -r requirements-mcp.txt"


def add_parser(commands: Subparsers) -> None:
    """Describe the command."""
    parser = commands.add_parser("mcp", help="tools for assistants (Model Context Protocol): search, look, explain")
    parser.add_argument(
        "--url",
        metavar="ADDRESS",
        help="ask the service that runs there; without it the index is opened here, with the options below. "
        "A key for it is read from SEARCH_API_KEY",
    )
    parser.add_argument(
        "--http", type=int, metavar="PORT", help="serve at http://HOST:PORT/mcp, not on stdin and stdout"
    )
    parser.add_argument("--host", help="address for --http (default 127.0.0.1: this machine only)")
    add_model_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serve until stdin ends or until stopped."""
    _refuse_what_would_be_ignored(arguments)
    try:
        import anyio

        from search_app.mcp.server import build_server
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in {"mcp", "mcp_types"}:
            raise
        raise MissingDependency(
            f"assistants are served with the package mcp, version 2.3 or newer: {_INSTALL}"
        ) from None

    async def serve() -> None:
        async with _client(arguments) as client:
            server = build_server(client)
            if arguments.http is None:
                await server.run_stdio_async()
            else:
                host = arguments.host or "127.0.0.1"
                print(f"serving at http://{host}:{arguments.http}/mcp", file=sys.stderr)
                await server.run_streamable_http_async(host=host, port=arguments.http)

    anyio.run(serve)
    return 0


def _refuse_what_would_be_ignored(arguments: argparse.Namespace) -> None:
    if arguments.url and (arguments.model or arguments.device or arguments.collection):
        raise SettingsError(
            "--model, --device and --collection say how an index is opened here: leave them or --url out"
        )
    if arguments.host and arguments.http is None:
        raise SettingsError("--host says where --http PORT listens: give --http too")


def _client(arguments: argparse.Namespace) -> "AbstractAsyncContextManager[AsyncSearchClient]":
    """A client of the service elsewhere, or of one inside this process."""
    from search_app.client import AsyncSearchClient, Retry
    from search_app.mcp.local import open_local

    if arguments.url:
        key = os.environ.get("SEARCH_API_KEY", "")
        return AsyncSearchClient(arguments.url, api_key=key, retry=Retry(attempts=3, deadline=15))
    settings = settings_from(arguments)
    return open_local(lambda: open_service(settings, arguments.model or ""))
