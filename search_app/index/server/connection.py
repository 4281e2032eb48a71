"""The connection to a Qdrant server."""

import logging
import socket
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import httpx
from qdrant_client import QdrantClient

from search_app.index.deadline import seconds_left
from search_app.index.server.address import Address

logger = logging.getLogger(__name__)

_GRPC_PORT = 6334
_HERE = ("localhost", "127.0.0.1", "::1")


def connect(address: Address, timeout_s: int) -> QdrantClient:
    """A client for a server; gRPC where its port answers, else HTTP.

    `timeout_s` is the longest silence. Over HTTP a request also ends when `index.deadline` does, however little the
    server sends at a time. Raises `SettingsError` for an address or a key that cannot be used.
    """
    address.check()
    parts = urlsplit(address.url)
    default_port = parts.port in (None, 6333) and parts.path in ("", "/")
    if address.api_key and parts.scheme == "http" and parts.hostname not in _HERE:
        logger.warning("QDRANT_API_KEY goes to %s unencrypted: use https:// outside of a network you trust", address)
    return QdrantClient(
        url=address.url,
        # as a header: given as the key it is warned of on the console, in words that name no setting
        headers={"api-key": address.api_key} if address.api_key else None,
        timeout=timeout_s,
        prefer_grpc=default_port and _answers(parts.hostname or "localhost", _GRPC_PORT),
        grpc_port=_GRPC_PORT,
        check_compatibility=False,  # it warns from a thread of its own; see `versions`
        event_hooks={"request": [_limit], "response": [_limit_reading, _give_delay_in_seconds]},
    )


def _answers(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=0.5).close()
    except OSError:
        return False
    return True


def _limit(request: httpx.Request) -> None:
    """Let no phase of a request be waited for longer than somebody is willing to."""
    left = seconds_left()
    if not left:
        raise httpx.ReadTimeout("no time is left", request=request)
    phases = request.extensions.get("timeout", {})
    request.extensions["timeout"] = {name: min(left, most or left) for name, most in phases.items()}


def _limit_reading(response: httpx.Response) -> None:
    stream = response.stream
    if isinstance(stream, httpx.SyncByteStream):
        response.stream = _Limited(stream, response.request)


class _Limited(httpx.SyncByteStream):
    """An answer that may come in drops, but not for ever."""

    def __init__(self, stream: httpx.SyncByteStream, request: httpx.Request) -> None:
        self._stream, self._request = stream, request

    def __iter__(self) -> Iterator[bytes]:
        for part in self._stream:
            if not seconds_left():
                raise httpx.ReadTimeout("the answer came too slowly", request=self._request)
            yield part

    def close(self) -> None:
        self._stream.close()


def _give_delay_in_seconds(response: httpx.Response) -> None:
    """Write a Retry-After that is a date (RFC 9110, 10.2.3) as the client reads it; leave out what is neither."""
    asked = response.headers.get("retry-after", "").strip()
    if not asked or asked.isdecimal():
        return
    del response.headers["retry-after"]
    try:
        left = parsedate_to_datetime(asked).timestamp() - time.time()
    except ValueError:
        return
    response.headers["retry-after"] = str(max(0, round(left)))
