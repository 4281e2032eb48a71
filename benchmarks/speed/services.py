"""Services as processes of their own, asked over HTTP as a client does, and what they take of the machine (Linux)."""

import contextlib
import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

ROOT = Path(__file__).resolve().parents[2]
_PATIENCE_S = 300
_TICKS = os.sysconf("SC_CLK_TCK")
JSON = {"content-type": "application/json"}


@dataclass
class Client:
    """One connection that is kept open."""

    port: int
    _connection: http.client.HTTPConnection = field(init=False)

    def __post_init__(self) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_PATIENCE_S)

    def ask(self, method: str, path: str, body: bytes | None = None) -> bytes:
        """The body of the answer; raises `SystemExit` where it is not 200."""
        self._connection.request(method, path, body, JSON if body else {})
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status != http.client.OK:
            raise SystemExit(f"{method} {path} on port {self.port}: {answer.status} {content[:300]!r}")
        return content

    def get(self, query: str) -> bytes:
        """The plain search."""
        return self.ask("GET", f"/search?{urlencode({'query': query})}")

    def post(self, query: str) -> bytes:
        """The fused search."""
        return self.ask("POST", "/search", json.dumps({"query": query}).encode())


@dataclass(frozen=True)
class Running:
    """A service that answers."""

    process: "subprocess.Popen[bytes]"
    port: int
    ready_s: float
    """From the start of its process to the first answer of `ready`."""

    def client(self) -> Client:
        """A connection to it."""
        return Client(self.port)

    def pids(self) -> list[int]:
        """It and all that it started."""
        found = [self.process.pid]
        for pid in found:
            for task in Path(f"/proc/{pid}/task").iterdir():
                found += map(int, (task / "children").read_text("ascii").split())
        return found

    def cpu_s(self) -> float:
        """Processor seconds so far, of all its processes."""
        return sum(cpu_s(pid) for pid in self.pids())

    def memory_mb(self) -> dict[str, float]:
        """Memory of all its processes, in MB.

        `rss`: resident; `pss`: the same with what is shared counted once; `anonymous`: without pages of files, which
        the system takes back when it needs them.
        """
        rolled = [Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").split() for pid in self.pids()]
        sums = {
            name: sum(int(words[words.index(f"{name}:") + 1]) for words in rolled)
            for name in ("Rss", "Pss", "Anonymous")
        }
        return {name.lower(): round(kilobytes * 1024 / 1e6, 1) for name, kilobytes in sums.items()}


def cpu_s(pid: int) -> float:
    """Processor seconds of one process, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


@contextlib.contextmanager
def serving(command: Sequence[str], home: Path, *, ready: str = "/readyz", **settings: str) -> Iterator[Running]:
    """Start a service in `home` (`PORT` in the command becomes a free port), wait until it answers, end it after."""
    port = free_port()
    started = time.perf_counter()
    words = [str(port) if word == "PORT" else word for word in command]
    process = subprocess.Popen(words, cwd=home, env=environment(**settings))
    try:
        while not _answers(port, ready):
            if process.poll() is not None or time.perf_counter() > started + _PATIENCE_S:
                raise SystemExit(f"the service did not start: {' '.join(words)}")
            time.sleep(0.005)
        yield Running(process, port, time.perf_counter() - started)
    finally:
        process.terminate()
        process.wait()


def uvicorn(app: str, *more: str) -> list[str]:
    """The command that starts a service; connections stay open while the others have their turns."""
    quiet = ["--log-level", "error", "--no-access-log", "--timeout-keep-alive", str(_PATIENCE_S)]
    return [sys.executable, "-m", "uvicorn", app, "--port", "PORT", *quiet, *more]


def ours(*more: str) -> list[str]:
    """The command that starts the product's service."""
    return uvicorn("search_app.main:app", *more)


def environment(**settings: str) -> Mapping[str, str]:
    """This process's environment with these settings of the product and none of the user's."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SEARCH_", "QDRANT_"))}
    return {**kept, "PYTHONPATH": str(ROOT), **settings}


def _answers(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE_S)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.client.OK
    except (ConnectionError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def free_port() -> int:
    """A port where nobody listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
