"""What is being worked on, noted in a file that outlives the process: a fault in native code takes all of it along.

Nobody is left to say which picture it was. So each is noted when it is begun and when it is ended, and what a dead run
had begun is done by the next one in a process of its own, where it costs itself only.
"""

import json
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

Found = TypeVar("Found")


class InFlight:
    """The notes of one run; safe to call from several threads. Without a path nothing is noted and nobody suspected."""

    def __init__(self, path: Path | None) -> None:
        """Read what the last run left, and go on with that."""
        self._path, self._lock = path, threading.Lock()
        self.suspects = _left(path) if path is not None else set()
        """Paths of pictures that were being worked on when a run died, and have not come to their end since."""
        self._file = -1
        if path is not None:
            with suppress(OSError):  # where nothing can be written the run itself will say so
                path.parent.mkdir(parents=True, exist_ok=True)
                self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        for name in sorted(self.suspects):
            self._note("+", name)

    def done(self, name: str, here: Callable[[], Found], there: Callable[[], Found]) -> Found | None:
        """What `here` gives; for a suspect what `there` does, in a process of its own, or None where it dies of it too.

        `there` is pickled.
        """
        if name not in self.suspects:
            with self.working_on(name):
                return here()
        found = _apart(there)
        if found is not None:
            self.clear(name)
        return found

    @contextmanager
    def working_on(self, name: str) -> Iterator[None]:
        """Note that it is begun, and that it is ended, well or not."""
        self._note("+", name)
        try:
            yield
        finally:
            self._note("-", name)

    def clear(self, name: str) -> None:
        """It is suspected no longer."""
        if name in self.suspects:
            self.suspects.discard(name)
            self._note("-", name)

    def close(self) -> None:
        """The run ends by itself; what is suspected still is kept for the next one."""
        with self._lock:  # a thread may be at work still: its note would go to whatever file has the number then
            if self._file >= 0:
                os.close(self._file)
            self._file = -1
        if self._path is not None and not self.suspects:
            with suppress(OSError):
                self._path.unlink()

    def _note(self, sign: str, name: str) -> None:
        # Not synced: the page cache outlives the process, and a machine that stops takes no picture for its reason.
        with self._lock, suppress(OSError):
            if self._file >= 0:
                os.write(self._file, f"{sign}{json.dumps(name)}\n".encode())


def _left(path: Path) -> set[str]:
    """What was begun and not ended; a line that was not finished says nothing."""
    left: set[str] = set()
    try:
        lines = path.read_text("ascii").splitlines()
    except (OSError, UnicodeDecodeError):
        return left
    for line in lines:
        with suppress(ValueError):
            (left.add if line[:1] == "+" else left.discard)(str(json.loads(line[1:])))
    return left


def _apart(function: Callable[[], Found]) -> Found | None:
    """Call it in a process of its own, which it may take along: None then."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        try:
            return pool.submit(function).result()
        except BrokenProcessPool:
            return None
