"""The parent's side of an owner process: start, ask with a deadline, notice its end."""

import contextlib
import itertools
import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import Future
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import search_app
from search_app.errors import DiskFull, IndexDamaged, IndexInUse, IndexUnavailable
from search_app.index.edge.wire import Outcome

logger = logging.getLogger(__name__)

_ROOT = str(Path(search_app.__file__).resolve().parent.parent)
_END_PATIENCE_S = 10.0


class ShardInUse(IndexInUse):
    """Another process owns the shard."""


class ShardDamaged(IndexDamaged):
    """The shard does not open, or does not hold what its manifest says."""


class EdgeProcess:
    """One owner process; safe to call from several threads.

    It is started by exec, never forked: a forked copy of an open shard hangs for ever. `on_end` is called,
    from another thread, when it ends by itself.
    """

    def __init__(self, on_end: Callable[[], None] | None = None) -> None:
        self._on_end = on_end
        self._numbers = itertools.count(1)
        self._waiting: dict[int, Future[Any]] = {}
        self._lock = threading.Lock()
        self._sending = threading.Lock()
        self._ended = self._reaped = self._closing = False
        self._words = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        self._process, self._connection, self._lifeline = _start(self._words.fileno())
        self._receiver = threading.Thread(target=self._receive, name="edge-replies", daemon=True)
        self._receiver.start()

    @property
    def alive(self) -> bool:
        """Whether it runs; once it does not, it holds no lock either."""
        return not self._reaped

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def call(self, operation: str, *arguments: Any, timeout: float | None) -> Any:
        """Run one operation of `owner.Owner` and return its value.

        Raises `ValueError` for the caller's mistakes, `ShardInUse`, `ShardDamaged`, `DiskFull`, `IndexDamaged` when the
        engine fails, and `IndexUnavailable` when the process has ended or did not answer in `timeout` seconds (it is
        killed then).
        """
        number = next(self._numbers)
        reply: Future[Any] = Future()
        with self._lock:
            if self._ended:
                raise IndexUnavailable("the search engine's process has ended; it is started again, ask again soon")
            self._waiting[number] = reply
        try:
            with self._sending:
                self._connection.send((number, operation, arguments))
        except (OSError, ValueError):  # closed underneath: the receiver says why
            self._end()
        try:
            return reply.result(timeout)
        except TimeoutError:
            self.kill()
            raise IndexUnavailable(
                f"the search engine did not answer {operation!r} in {timeout:.0f} s and is started again: ask soon"
            ) from None

    def _receive(self) -> None:
        with contextlib.suppress(EOFError, OSError):
            while True:
                number, outcome, value = self._connection.recv()
                with self._lock:
                    reply = self._waiting.pop(number, None)
                if reply is not None:
                    _settle(reply, outcome, value)
        self._end()

    def _end(self) -> None:
        with self._lock:
            if self._ended:
                return
            self._ended = True
            waiting, self._waiting = self._waiting, {}
        try:
            code = self._process.wait(_END_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        self._reaped = True
        words = "" if self._closing else self._last_words()
        if not self._closing:
            extra = {"event": "engine_ended"}
            logger.warning("the search engine's process ended (%s) %s", _cause(code), words, extra=extra)
        cause = f"{_cause(code)}{': ' if words else ''}{words.rpartition(chr(10))[2]}"
        for reply in waiting.values():
            reply.set_exception(IndexUnavailable(f"the search engine's process ended ({cause}); ask again soon"))
        if self._on_end is not None and not self._closing:
            self._on_end()

    def _last_words(self) -> str:
        self._words.seek(0)
        return self._words.read()[-2000:].decode(errors="replace").strip()

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._receiver.join(_END_PATIENCE_S)

    def close(self) -> None:
        """Let it give its shard back and end; twice does no harm."""
        with self._lock:
            if self._closing:
                return
            self._closing = True
        with contextlib.suppress(IndexUnavailable, IndexDamaged):
            self.call("close", timeout=_END_PATIENCE_S)
        self._process.kill()  # it holds nothing any more
        self._receiver.join()
        os.close(self._lifeline)
        self._connection.close()
        self._words.close()


def _start(words: int) -> tuple["subprocess.Popen[bytes]", Connection, int]:
    ours, theirs = socket.socketpair()
    listening, lifeline = os.pipe()
    path = os.pathsep.join(filter(None, [_ROOT, os.environ.get("PYTHONPATH")]))
    command = [sys.executable, "-P", "-m", "search_app.index.edge.owner", str(theirs.fileno()), str(listening)]
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=words,
            pass_fds=(theirs.fileno(), listening),
            env={**os.environ, "PYTHONPATH": path},
        )
    except OSError as error:
        ours.close()
        os.close(lifeline)
        raise IndexUnavailable(f"the search engine's process could not be started: {error}") from error
    finally:
        theirs.close()
        os.close(listening)
    return process, Connection(ours.detach()), lifeline


def _settle(reply: "Future[Any]", outcome: Outcome, value: Any) -> None:
    match outcome:
        case Outcome.DONE:
            reply.set_result(value)
        case Outcome.INVALID:
            reply.set_exception(ValueError(value))
        case Outcome.IN_USE:
            reply.set_exception(ShardInUse(value))
        case Outcome.DAMAGED:
            reply.set_exception(ShardDamaged(value))
        case Outcome.NO_ROOM:
            reply.set_exception(
                DiskFull(f"the search engine cannot write ({value}): free some space, or raise the quota or limit")
            )
        case Outcome.FAILED:
            reply.set_exception(IndexDamaged(f"the search engine failed: {value}"))


def _cause(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    if -code == signal.SIGBUS:
        return "SIGBUS, the disk is full or its files were cut"
    known = {number.value: number.name for number in signal.Signals}
    return known.get(-code, f"signal {-code}")
