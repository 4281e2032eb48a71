"""What `serve` tells uvicorn beside address and port: patience with slow clients, sizes of heads, ids in the log.

uvicorn waits for ever for the rest of a head, and for a client that reads nothing of its answer. Bodies are watched
above, by `bodies`, which works with any server. Started by uvicorn itself the service has the same patience with
`--http search_app.api.guarding.connections:PatientProtocol`.
"""

import asyncio
import socket
import struct
from functools import partial
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from search_app.api.guarding.gate import MAX_HEAD_BYTES
from search_app.api.guarding.guard import CLIENT_SECONDS
from search_app.api.observing.logs import log_config
from search_app.api.observing.observing import LogFormat

_NO_LINGERING = struct.pack("ii", 1, 0)


class _Fuse:
    """Aborts a connection when its time is over; lit again while it burns it burns no longer."""

    def __init__(self, seconds: float, protocol: "PatientProtocol") -> None:
        self._seconds, self._protocol = seconds, protocol
        self._timer: asyncio.TimerHandle | None = None

    def light(self) -> None:
        if self._timer is None:
            self._timer = self._protocol.loop.call_later(self._seconds, self._protocol.cut_off)

    def put_out(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class PatientProtocol(H11Protocol):
    """Ends a connection whose client takes too long to send a head or to take what was sent to it.

    Ended means aborted: closing would wait until the client has read what lies in the buffer.
    """

    def __init__(self, *arguments: Any, client_seconds: float = CLIENT_SECONDS, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._head = _Fuse(client_seconds, self)
        self._taking = _Fuse(client_seconds, self)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Begin to wait for a first request."""
        super().connection_made(transport)
        self._head.light()

    def data_received(self, data: bytes) -> None:
        """Take bytes; of a head, if nothing is being answered, and then the time for the whole of it runs."""
        if self._is_idle:
            self._head.light()
        super().data_received(data)
        if not self._is_idle:
            self._head.put_out()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        self._head.put_out()
        self._taking.put_out()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Wait for the client to take some of what was sent."""
        super().pause_writing()
        self._taking.light()

    def resume_writing(self) -> None:
        """Go on: it did."""
        self._taking.put_out()
        super().resume_writing()

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection that nothing more is asked on; and end it where its last answer was not taken."""
        super().timeout_keep_alive_handler()
        if self.transport.get_write_buffer_size():
            self._taking.light()

    def cut_off(self) -> None:
        """End the connection now; without the lingering the system too would keep what is not taken, for minutes."""
        own_socket = self.transport.get_extra_info("socket")
        if own_socket is not None:
            own_socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGERING)
        self.transport.abort()

    @property
    def _is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete


def server_options(client_seconds: float, log_format: LogFormat) -> dict[str, Any]:
    """Arguments for `uvicorn.Config`."""
    return {
        "http": partial(PatientProtocol, client_seconds=client_seconds),
        "ws": "none",
        "h11_max_incomplete_event_size": MAX_HEAD_BYTES,
        "server_header": False,
        "log_config": log_config(log_format),
    }
