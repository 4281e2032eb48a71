"""Advisory locks on files: held by a process, given back by the kernel when it ends."""

import contextlib
import fcntl
import os
import time
from pathlib import Path
from typing import Self


class FileLock:
    """A lock on one file; `take` makes it."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor: int | None = descriptor

    @classmethod
    def take(cls, path: Path, *, shared: bool = False, wait: float = 0.0) -> Self | None:
        """Lock `path`, trying for `wait` seconds; None when another holds it.

        The folder must exist. Raises `FileNotFoundError` when it does not.
        """
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        give_up = time.monotonic() + wait
        while True:
            try:
                fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
                return cls(path, descriptor)
            except BlockingIOError:
                if time.monotonic() >= give_up:
                    os.close(descriptor)
                    return None
                time.sleep(0.05)

    def still_named(self) -> bool:
        """Whether the locked file is still the one at its path, and not removed or replaced meanwhile."""
        if self._descriptor is None:
            return False
        try:
            return os.path.samestat(os.fstat(self._descriptor), self.path.stat())
        except FileNotFoundError:
            return False

    def note(self, text: str) -> None:
        """Write who holds the lock into its file, for the message another process shows."""
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, text.encode(), 0)

    def release(self) -> None:
        """Give the lock back; twice does no harm."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            with contextlib.suppress(OSError):  # unlocked by hand: a forked child may hold the descriptor too
                fcntl.flock(descriptor, fcntl.LOCK_UN)
            os.close(descriptor)
