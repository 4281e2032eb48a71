"""A proxy that now and then fails in front of a real HTTP server, and remembers what passed."""

import http.client
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

Fault = Callable[[int], str]
"""Given the number of a request, what happens to it: "pass", "drop" the connection, or "503"."""


@dataclass
class Proxy:
    """Where it listens, and each request that reached the server: method, path, JSON body."""

    url: str
    passed: list[tuple[str, str, Any]] = field(default_factory=list)
    refused: int = 0


@contextmanager
def flaky_proxy(target: str, fault: Fault) -> Iterator[Proxy]:
    """Forward requests to `target`, except those that `fault` picks."""
    behind = urlsplit(target).netloc

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            match fault(len(proxy.passed) + proxy.refused):
                case "drop":
                    proxy.refused += 1
                    self.close_connection = True
                    return
                case "503":
                    proxy.refused += 1
                    self.answer(503, b'{"status":{"error":"overloaded"}}')
                    return
            connection = http.client.HTTPConnection(behind, timeout=30)
            connection.request(self.command, self.path, body, {"content-type": "application/json"})
            response = connection.getresponse()
            self.answer(response.status, response.read())
            connection.close()
            proxy.passed.append((self.command, self.path.split("?")[0], json.loads(body) if body else None))

        def answer(self, status: int, content: bytes) -> None:
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

        do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = handle_any  # noqa: N815 - the names http.server looks for

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    proxy = Proxy(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
