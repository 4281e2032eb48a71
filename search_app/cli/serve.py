"""`serve`: the HTTP service, as `uvicorn search_app.main:app` starts it."""

import argparse
import os
import socket
from typing import TYPE_CHECKING

from search_app.cli.options import Subparsers
from search_app.errors import SettingsError
from search_app.settings import load_settings

if TYPE_CHECKING:
    import uvicorn

_APP = "search_app.main:app"


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
    if arguments.workers == 1:
        uvicorn.run(_APP, host=arguments.host, port=port)
    else:
        _run_workers(uvicorn.Config(_APP, host=arguments.host, port=port, workers=arguments.workers))
    return 0


def _run_workers(config: "uvicorn.Config") -> None:
    from uvicorn.supervisors import Multiprocess

    listening = config.bind_socket()
    send_at_once(listening)
    Multiprocess(config, sockets=[listening]).run()


def send_at_once(listening: socket.socket) -> None:
    """Let the connections of a listening socket send without waiting (TCP_NODELAY).

    asyncio sets that by itself on sockets made with the protocol's number, as those of one process are but not the one
    that several share. Without it the body of an answer waits 40 ms for the acknowledgement of its head.
    """
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
