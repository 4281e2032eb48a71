"""`serve`: the HTTP service, as `uvicorn search_app.main:app` starts it."""

import argparse
import contextlib
import os
import socket
import tempfile
from collections.abc import Iterator
from typing import TYPE_CHECKING

from search_app.api.observing.observing import FOLDER
from search_app.cli.options import Subparsers
from search_app.errors import SettingsError
from search_app.settings import load_settings
from search_app.wiring_http import open_guard

if TYPE_CHECKING:
    import uvicorn

_APP = "search_app.main:app"
HIGHEST_PORT = 65_535
_WORKER_SECONDS = 30
"""Without a sign of life a worker is killed. uvicorn's five are too few for one that starts on a busy machine: killed
before it has begun, again and again, it never would."""


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

    from search_app.api.guarding.connections import server_options

    if arguments.workers < 1:
        raise SettingsError(f"--workers {arguments.workers}: at least one process must answer")
    settings = load_settings()
    open_guard(settings)  # a wrong value stops the start here, in one sentence
    port = arguments.port if arguments.port is not None else _port_of(os.environ.get("PORT", "8000"))
    _require_free(arguments.host, port)
    options = server_options(settings.client_seconds, settings.log_format)
    if settings.trusted_proxies:  # else as uvicorn has it: FORWARDED_ALLOW_IPS, or 127.0.0.1
        options["forwarded_allow_ips"] = settings.trusted_proxies
    if arguments.workers == 1:
        uvicorn.run(_APP, host=arguments.host, port=port, **options)
    else:
        options["timeout_worker_healthcheck"] = _WORKER_SECONDS
        with counting_together():
            _run_workers(uvicorn.Config(_APP, host=arguments.host, port=port, workers=arguments.workers, **options))
    return 0


def _port_of(text: str) -> int:
    if not text.isdecimal():
        raise SettingsError(f"PORT={text!r}: it takes the number of a port")
    return int(text)


def _require_free(host: str, port: int) -> None:
    """Raise `SettingsError` where the address cannot be bound: told now, not after the model was loaded."""
    if not 0 <= port <= HIGHEST_PORT:
        raise SettingsError(f"port {port}: ports are numbers from 0 to {HIGHEST_PORT}")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise SettingsError(
            f"cannot listen on {host} port {port}: {error.strerror}; choose another with --port"
        ) from None


def _run_workers(config: "uvicorn.Config") -> None:
    from uvicorn.supervisors import Multiprocess

    listening = config.bind_socket()
    send_at_once(listening)
    Multiprocess(config, sockets=[listening]).run()


@contextlib.contextmanager
def counting_together() -> Iterator[None]:
    """A folder in which all processes that are started meanwhile count what `/metrics` tells (prometheus-client's way).

    One that the environment names stays, and what was counted in it before.
    """
    if FOLDER in os.environ:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="search-metrics-") as folder:
        os.environ[FOLDER] = folder
        try:
            yield
        finally:
            del os.environ[FOLDER]


def send_at_once(listening: socket.socket) -> None:
    """Let the connections of a listening socket send without waiting (TCP_NODELAY).

    asyncio sets that by itself on sockets made with the protocol's number, as those of one process are but not the one
    that several share. Without it the body of an answer waits 40 ms for the acknowledgement of its head.
    """
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
