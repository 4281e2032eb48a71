"""The connection to a Qdrant server."""

import socket
from urllib.parse import urlsplit

from qdrant_client import QdrantClient

_GRPC_PORT = 6334


def connect(url: str, api_key: str, timeout_s: int) -> QdrantClient:
    """A client for the server at `url`; gRPC where its port answers, else HTTP."""
    parts = urlsplit(url)
    default_port = parts.port in (None, 6333) and parts.path in ("", "/")
    return QdrantClient(
        url=url,
        api_key=api_key or None,
        timeout=timeout_s,
        prefer_grpc=default_port and _answers(parts.hostname or "localhost", _GRPC_PORT),
        grpc_port=_GRPC_PORT,
        check_compatibility=False,  # it warns from a thread of its own; what fails says so by itself
    )


def _answers(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=0.5).close()
    except OSError:
        return False
    return True
