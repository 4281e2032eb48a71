"""Processes of the product that need not import it: each is forked from one that has done so.

What runs is `python -m search_app ...` or `python -m uvicorn ...`: a process of its own with its arguments, folder,
environment and streams, to be killed like any other. Only the imports are saved, half of what a short command costs.
No model's package and no engine is imported before, so that what a command loads is still its own doing. What an
interpreter reads when it starts cannot be given to one that runs: for each set of such variables there is one process.
"""

import gc
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
READ_AT_START = ("PYTHON", "LD_", "MALLOC_", "OMP_", "LANG", "LC_", "TZ")
"""Beginnings of the names of variables that are read once, when an interpreter or a library begins."""
NUMBER = struct.Struct("i")
"""What is told of a process: first its id, then how it ended."""
LONGEST_REQUEST = 1 << 20
"""Bytes; beyond the longest environment."""


class Process:
    """What tests use of `subprocess.Popen`; its output goes to files, so that nothing waits for a reader."""

    def __init__(
        self, module: str, *arguments: str, cwd: Path, env: Mapping[str, str], log: Path | None = None
    ) -> None:
        """Start `python -m module arguments`; where there is a `log`, all that it says is appended to that."""
        self.returncode: int | None = None
        self._files = [log.open("ab+")] if log else [tempfile.TemporaryFile(), tempfile.TemporaryFile()]  # noqa: SIM115
        self._texts = ["", ""]
        self._told, theirs = os.pipe()
        request = {"module": module, "arguments": arguments, "cwd": str(cwd), "env": dict(env)}
        with Path(os.devnull).open("rb") as nothing:
            _warm(env).ask(request, [nothing.fileno(), self._files[0].fileno(), self._files[-1].fileno(), theirs])
        os.close(theirs)
        self.pid = self._next(None)

    def poll(self) -> int | None:
        """How it ended; None while it runs."""
        if self.returncode is None and select.select([self._told], [], [], 0)[0]:
            self.wait()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """How it ended, negative for a signal; raises `subprocess.TimeoutExpired`."""
        if self.returncode is None:
            self.returncode = self._next(timeout)
            os.close(self._told)
            for number, file in enumerate(self._files):
                file.seek(0)
                self._texts[number] = file.read().decode()
                file.close()
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Its output and its errors, once it has ended; both together are the output where they went into a log."""
        self.wait(timeout)
        return self._texts[0], self._texts[1]

    def send_signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _next(self, timeout: float | None) -> int:
        if not select.select([self._told], [], [], timeout)[0]:
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
        told = os.read(self._told, NUMBER.size)
        assert told, "the process that forks all others has ended"
        return int(NUMBER.unpack(told)[0])


def _read_at_start(env: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in env.items() if name.startswith(READ_AT_START)}


class _Warm:
    """A process that forks, started when it is needed first."""

    def __init__(self, read_at_start: Mapping[str, str]) -> None:
        others = {name: value for name, value in os.environ.items() if not name.startswith(READ_AT_START)}
        self._environment = {**others, **read_at_start}
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._door: socket.socket | None = None

    def ask(self, request: Mapping[str, object], streams: list[int]) -> None:
        with self._lock:
            if self._door is None:
                self._door, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                command = [sys.executable, "-m", "tests.warm", str(theirs.fileno())]
                given = [theirs.fileno()]
                self._process = subprocess.Popen(
                    command, cwd=ROOT, env=self._environment, pass_fds=given, stdin=subprocess.DEVNULL
                )
                theirs.close()
            socket.send_fds(self._door, [json.dumps(request).encode()], streams)

    def close(self) -> None:
        if self._door is not None and self._process is not None:
            self._door.close()
            self._process.wait()
            self._door = self._process = None


_WARM: dict[tuple[tuple[str, str], ...], _Warm] = {}
_FINDING = threading.Lock()


def _warm(env: Mapping[str, str]) -> _Warm:
    key = tuple(sorted(_read_at_start(env).items()))
    with _FINDING:
        return _WARM.setdefault(key, _Warm(dict(key)))


def close() -> None:
    """End the processes that fork; what they forked goes on."""
    for each in _WARM.values():
        each.close()


def _import_the_product() -> None:
    """All that its commands and its service import before they know what is asked of them."""
    import search_app.cli

    for module in pkgutil.iter_modules(search_app.cli.__path__):
        import_module(f"search_app.cli.{module.name}")
    for name in ("search_app.main", "uvicorn", "uvicorn.main", "uvicorn.lifespan.on"):
        import_module(name)
    gc.collect()
    gc.freeze()  # or the first collection in each process would write to, and so copy, all that is shared


def _fork_for(door: socket.socket) -> tuple[str, list[str]] | None:
    """Fork whenever somebody asks: gives a new process what it has to run, and None when nobody can ask any more."""
    ended, wake = socket.socketpair()
    ended.setblocking(False)
    wake.setblocking(False)
    signal.set_wakeup_fd(wake.fileno())
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    running: dict[int, int] = {}
    while True:
        ready, _, _ = select.select([door, ended], [], [])
        if ended in ready:
            ended.recv(4096)
            _tell_ends(running)
        if door in ready:
            content, streams, _, _ = socket.recv_fds(door, LONGEST_REQUEST, 4)
            if not content:
                return None
            pid = os.fork()
            if pid == 0:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                signal.signal(signal.SIGINT, signal.default_int_handler)
                for each in (door, ended, wake):
                    each.close()
                for each in running.values():
                    os.close(each)
                return _become(json.loads(content), streams)
            for each in streams[:3]:
                os.close(each)
            running[pid] = streams[3]
            os.write(running[pid], NUMBER.pack(pid))


def _tell_ends(running: dict[int, int]) -> None:
    while running:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        told = running.pop(pid)
        with suppress(BrokenPipeError):  # nobody waits for it any more
            os.write(told, NUMBER.pack(os.waitstatus_to_exitcode(status)))
        os.close(told)


def _become(request: dict[str, object], streams: list[int]) -> tuple[str, list[str]]:
    """Take over streams, folder and environment."""
    for number, each in enumerate(streams[:3]):
        os.dup2(each, number)
    for each in streams:
        os.close(each)
    os.chdir(str(request["cwd"]))
    os.environ.clear()
    os.environ.update(request["env"])
    sys.path[0] = str(request["cwd"])
    return str(request["module"]), list(request["arguments"])


if __name__ == "__main__":
    _import_the_product()
    if asked := _fork_for(socket.socket(fileno=int(sys.argv[1]))):
        sys.argv[1:] = asked[1]
        runpy.run_module(asked[0], run_name="__main__", alter_sys=True)
