"""Clients that are slow on purpose, over real sockets against `serve`: each is cut off, and nobody waits for them."""

import socket
import time
from collections.abc import Iterator

import httpx
import pytest

from tests.conftest import Service, free_port, started

SECONDS = 0.6
MANY = 150
PATIENCE = 20
"""Seconds after which a test gives up, on however busy a machine; nothing is asserted about speed."""
HEAD = b"POST /search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
LARGE = "/docs/assets/swagger-ui-bundle.js"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The command with little patience; there is no index, which none of this needs."""
    home, port = tmp_path_factory.mktemp("slow"), free_port()
    settings = {"SEARCH_MODEL": "stub", "SEARCH_CLIENT_SECONDS": str(SECONDS)}
    process = started("search_app", "serve", "--port", port, cwd=home, env=settings, log=home / "log")
    url = f"http://127.0.0.1:{port}"
    service = Service(process, url, httpx.Client(base_url=url, timeout=PATIENCE))
    end = time.monotonic() + 60
    while True:
        try:
            service.client.get("/healthz")
            break
        except httpx.TransportError:
            assert process.poll() is None, (home / "log").read_text()
            assert time.monotonic() < end
            time.sleep(0.05)
    yield service
    service.stop()
    told = (home / "log").read_text()
    assert "Traceback" not in told, told


def connected(service: Service) -> socket.socket:
    made = socket.create_connection(("127.0.0.1", int(service.url.rpartition(":")[2])), timeout=PATIENCE)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


def dripped(line: socket.socket, first: bytes, drop: bytes) -> bytes:
    """Send a little at a time until the service ends the connection; gives what it said before."""
    said, end = b"", time.monotonic() + PATIENCE
    line.sendall(first)
    line.settimeout(0.05)
    while time.monotonic() < end:
        try:
            line.sendall(drop)
            more = line.recv(65_536)
            if not more:
                return said
            said += more
        except TimeoutError:
            continue
        except OSError:
            return said
    pytest.fail(f"the connection was still open after {PATIENCE} s; it said {said[:200]!r}")


@pytest.mark.parametrize(
    "first",
    [b"", b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: ", b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\nGET /"],
    ids=["request line", "header", "second request"],
)
def test_a_head_that_comes_a_byte_at_a_time_is_cut_off(service: Service, first: bytes) -> None:
    with connected(service) as line:
        said = dripped(line, first, b"x")
    assert b"HTTP/1.1 2" not in said.partition(b'{"status":"ok"}')[2]


def test_who_connects_and_says_nothing_is_cut_off(service: Service) -> None:
    with connected(service) as line:
        assert dripped(line, b"", b"") == b""


@pytest.mark.parametrize(
    ("framing", "drop"),
    [
        (b"Content-Length: 4000\r\n\r\n{", b" "),
        (b"Content-Length: 900000\r\n\r\n{", b" "),
        (b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    ],
    ids=["short", "long", "chunked"],
)
def test_a_body_that_comes_a_byte_at_a_time_is_answered_408_and_cut_off(
    service: Service, framing: bytes, drop: bytes
) -> None:
    """Also the short one, which is read before the routes see it."""
    with connected(service) as line:
        said = dripped(line, HEAD + framing, drop)
    assert said.startswith(b"HTTP/1.1 408 ")
    assert b"application/problem+json" in said
    assert b"connection: close" in said.lower()


def test_who_goes_on_sending_what_was_refused_is_cut_off(service: Service) -> None:
    with connected(service) as line:
        said = dripped(line, b"POST /judgements HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n", b" ")
    assert said.startswith(b"HTTP/1.1 413 ")


def test_who_reads_nothing_of_an_answer_is_cut_off(service: Service) -> None:
    """Pipelined requests for a large file: more than the kernel holds for somebody who does not read."""
    if service.client.head(LARGE).status_code != httpx.codes.OK:
        pytest.skip("the package that carries Swagger UI is not installed")
    with socket.socket() as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        line.settimeout(PATIENCE)
        line.connect(("127.0.0.1", int(service.url.rpartition(":")[2])))
        line.sendall(f"GET {LARGE} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode() * 20)
        cut_off(line)


def cut_off(line: socket.socket) -> None:
    """Wait, without reading, until the other side has ended the connection by force."""
    end = time.monotonic() + PATIENCE
    while line.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0:
        assert time.monotonic() < end, "the connection is still open"
        time.sleep(0.02)


def test_a_client_that_is_slow_but_comes_through_is_answered(service: Service) -> None:
    """An idle connection may be used again; one request after the other restarts the time."""
    with connected(service) as line:
        for _ in range(3):
            line.sendall(b"GET /healthz HTTP/1.1\r\nHost: ")
            time.sleep(SECONDS / 3)
            line.sendall(b"localhost\r\n\r\n")
            said = b""
            while not said.endswith(b'{"status":"ok"}'):
                said += line.recv(65_536)


def test_many_slow_clients_hold_nobody_up(service: Service) -> None:
    lines = [connected(service) for _ in range(MANY)]
    try:
        for number, line in enumerate(lines):
            line.sendall(HEAD + (b"Content-Length: 900000\r\n\r\n{" if number % 2 else b"X-Slow: "))
        for path in ("/healthz", "/", "/static/app.js"):
            assert service.client.get(path).status_code == httpx.codes.OK
        for line in lines:
            while True:  # until it is ended, by a close or by force
                try:
                    if not line.recv(65_536):
                        break
                except ConnectionResetError:
                    break
    finally:
        for line in lines:
            line.close()


def test_a_head_that_never_ends_is_refused(service: Service) -> None:
    with connected(service) as line:
        said = dripped(line, b"GET / HTTP/1.1\r\nHost: a\r\nX-Long: ", b"x" * 20_000)
    assert said == b"" or said.startswith(b"HTTP/1.1 4")


def test_a_query_of_the_longest_kind_comes_through_in_pieces(service: Service) -> None:
    """Two thousand characters of three bytes are 18 kB in an address, more than uvicorn's own limit."""
    head = b"GET /search?query=" + b"%E2%82%AC" * 2_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with connected(service) as line:
        for start in range(0, len(head), 4_000):
            line.sendall(head[start : start + 4_000])
            time.sleep(0.01)
        assert line.recv(65_536).startswith(b"HTTP/1.1 503 ")  # nothing is indexed: it came through


@pytest.mark.parametrize(
    "head",
    [
        b"GET /healthz HTTP/1.1\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n\r\n",
        b"GET /healthz\x1b[31m HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /search HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST /search HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"POST /search HTTP/1.1\r\nHost: a\r\nContent-Length: 9e9\r\n\r\n",
        b"POST /search HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello, this is TLS \r\n\r\n",
    ],
)
def test_what_is_no_request_is_refused_before_anything_sees_it(service: Service, head: bytes) -> None:
    with connected(service) as line:
        line.sendall(head)
        assert b" 400 " in line.recv(65_536)[:20] or b" 501 " in line.recv(65_536)[:20]
