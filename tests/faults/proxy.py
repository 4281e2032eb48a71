"""A proxy in front of an HTTP server that does to each request what it is told: pass, delay, drop, cut, lie."""

import contextlib
import http.client
import json
import socket
import ssl
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

GARBAGE = b'{"result": [{"id": \xff\xfe, nonsense'
_RESET_AT_CLOSE = struct.pack("ii", 1, 0)
_DROPS_S = 0.2


@dataclass(frozen=True)
class Asked:
    """One request on its way."""

    number: int
    """From 0, in the order they came."""
    method: str
    path: str
    body: Any
    """JSON; None without any."""


Fault = Callable[[Asked], str]
"""What happens to a request. It reaches the server with

- `pass`, `slow:SECONDS` (late), `drip` (the answer comes in drops);
- `lose` (the answer does not come back), `truncate` (half of it does), `shorten` (half, as if it were whole);
- `forget` (half of the points in it are left out, a removal altogether; the answer says that all was done);

and does not with `drop` (the connection ends), `reset` (by RST), `hang` (nothing ever comes), `garbage` (200, no JSON),
`null` (200), `say:JSON` (200), `tell:STATUS JSON`, `echo:STATUS` (the headers that came, as an error),
`STATUS` or `STATUS:RETRY-AFTER` (an
error of the server's).
"""


@dataclass
class Proxy:
    """Where it listens, where it sends, and what passed."""

    url: str
    target: str
    passed: list[tuple[str, str, Any]] = field(default_factory=list)
    """Each request that reached the server: method, path, JSON body."""
    targets: list[str] = field(default_factory=list)
    """Path and query of each request that came."""
    headers: list[dict[str, str]] = field(default_factory=list)
    came: list[float] = field(default_factory=list)
    """When, by the monotonic clock, each request came."""
    done: Counter[str] = field(default_factory=Counter)
    """How often each kind of fault was done."""
    closing: threading.Event = field(default_factory=threading.Event)

    @property
    def refused(self) -> int:
        """Requests that were not let pass as they are."""
        return self.done.total() - self.done["pass"]


@contextmanager
def faulty_proxy(target: str, fault: Fault, tls: ssl.SSLContext | None = None) -> Iterator[Proxy]:
    """Forward requests to `target`, except for what `fault` does to them; with `tls` it speaks that."""

    class Handler(_Handler):
        pass

    server = _Server(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    scheme = "http" if tls is None else "https"
    proxy = Handler.proxy = Proxy(f"{scheme}://127.0.0.1:{server.server_address[1]}", target)
    Handler.fault = staticmethod(fault)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield proxy
    finally:
        proxy.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: who asked may break off too."""


class _Handler(BaseHTTPRequestHandler):
    proxy: Proxy
    fault: Fault
    counting = threading.Lock()

    def handle_any(self) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length", 0)))
        asked = Asked(self._next(), self.command, self.path.split("?")[0], json.loads(raw) if raw else None)
        kind, _, value = type(self).fault(asked).partition(":")
        self.proxy.done[kind] += 1
        self.proxy.came.append(time.monotonic())
        self.proxy.targets.append(self.path)
        self.proxy.headers.append({name.lower(): told for name, told in self.headers.items()})
        match kind:
            case "drop":
                self.close_connection = True
            case "reset":
                self._reset()
            case "hang":
                self.proxy.closing.wait(120)
            case "garbage" | "null":
                self._answer(200, GARBAGE if kind == "garbage" else b"null")
            case "say":
                self._answer(200, value.encode())
            case "tell":
                status, _, content = value.partition(" ")
                self._answer(int(status), content.encode())
            case "echo":
                self._answer(int(value), json.dumps(self.proxy.headers[-1]).encode())
            case "forget":
                self._answer(*self._forward(asked, _forgetful(asked)))
            case _ if kind.isdecimal():
                more = {"retry-after": value} if value else {}
                self._answer(int(kind), b'{"status":{"error":"not now"}}', more)
            case _:
                self._spoil(kind, value, *self._forward(asked, raw))

    def _spoil(self, kind: str, value: str, status: int, content: bytes) -> None:
        match kind:
            case "lose":
                self.close_connection = True
            case "truncate":
                self._answer(status, content[: len(content) // 2], length=len(content))
            case "shorten":
                self._answer(status, content[: len(content) // 2])
            case "drip":
                self._drip(content)
            case "slow":
                self.proxy.closing.wait(float(value))
                self._answer(status, content)
            case _:
                self._answer(status, content)

    def _next(self) -> int:
        with self.counting:
            return self.proxy.done.total()

    def _forward(self, asked: Asked, raw: bytes | None) -> tuple[int, bytes]:
        """The server's answer; 502 where it cannot be reached. Without a body to send the server is not asked."""
        if raw is None:
            return 200, b'{"result":{"operation_id":0,"status":"completed"},"status":"ok","time":0.0}'
        connection = http.client.HTTPConnection(urlsplit(self.proxy.target).netloc, timeout=60)
        try:
            connection.request(self.command, self.path, raw, {"content-type": "application/json"})
            response = connection.getresponse()
            content = response.read()
        except OSError:
            return 502, b"<html><body>bad gateway</body></html>"
        finally:
            connection.close()
        self.proxy.passed.append((asked.method, asked.path, asked.body))
        return response.status, content

    def _answer(
        self, status: int, content: bytes, more: dict[str, str] | None = None, length: int | None = None
    ) -> None:
        with contextlib.suppress(OSError):  # whoever asked waits no longer
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content) if length is None else length))
            for name, told in (more or {}).items():
                self.send_header(name, told)
            self.end_headers()
            self.wfile.write(content)

    def _drip(self, content: bytes) -> None:
        with contextlib.suppress(OSError):
            self.send_response(200)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            for byte in content:
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
                if self.proxy.closing.wait(_DROPS_S):
                    return

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_CLOSE)
        self.close_connection = True
        self.connection.close()
        self.rfile.close()
        self.wfile = open("/dev/null", "wb")  # noqa: SIM115, PTH123 - the server flushes it, then closes it

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = handle_any  # noqa: N815 - the names http.server looks for


def _forgetful(asked: Asked) -> bytes | None:
    """The same request without half of its points; None where nothing of it is to be done."""
    body = asked.body
    if asked.method == "PUT" and asked.path.endswith("/points") and isinstance(body, dict):
        if "batch" in body:
            batch, half = body["batch"], len(body["batch"]["ids"]) // 2
            kept = {**batch, "ids": batch["ids"][:half], "payloads": batch["payloads"][:half]}
            kept["vectors"] = {name: rows[:half] for name, rows in batch["vectors"].items()}
            return json.dumps({**body, "batch": kept}).encode() if half else None
        return None
    if asked.path.endswith(("/points/delete", "/points/batch", "/points/vectors")):
        return None
    return json.dumps(body).encode() if body is not None else b""
