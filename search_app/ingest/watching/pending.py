"""Paths that were touched, until what is there has come to rest."""

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

QUIET_S = 0.3
"""A file whose size and time stay the same so long is taken as written."""
GATHERED_S = 1.0
"""What is at rest waits for what is not, this long at most."""
GONE_S = 10.0
"""So does what is gone: where it went to may be among the rest, and a renamed picture keeps its id."""
AGAIN_S = 2.0
"""A new folder is looked at once more after this: what came before the system watched it made no events."""
_Look: TypeAlias = tuple[int, int, int] | None


@dataclass(slots=True)
class _Waiting:
    look: _Look
    """Size, time and inode of a file; None where there is none."""
    since: float
    """When it was last seen to change."""
    not_before: float = 0.0


class Pending:
    """Paths relative to a folder; times are those of a monotonic clock, given by the caller."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._waiting: dict[str, _Waiting] = {}
        self._again: dict[str, float] = {}

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def __contains__(self, path: object) -> bool:
        return path in self._waiting

    def touch(self, paths: Iterable[str], now: float, *, not_before: float = 0.0) -> None:
        """Note paths; a folder stands for all that is in it too."""
        for path in paths:
            self._touch_one(path, now, not_before)
            if (self._folder / path).is_dir() and not (self._folder / path).is_symlink():
                self._again[path] = now + AGAIN_S
                self._expand(path, now)

    def _touch_one(self, path: str, now: float, not_before: float = 0.0) -> None:
        there, look = self._waiting.get(path), self._look(path)
        if there is None or there.look != look:
            self._waiting[path] = _Waiting(look, now, not_before)

    def _expand(self, folder: str, now: float) -> None:
        for where, folders, names in os.walk(self._folder / folder):
            folders[:] = [name for name in folders if not name.startswith(".")]
            inside = Path(where).relative_to(self._folder)
            for name in names:
                if not name.startswith("."):
                    self._touch_one((inside / name).as_posix(), now)

    def _look(self, path: str) -> _Look:
        try:
            status = os.lstat(self._folder / path)
        except (OSError, ValueError):
            return None
        return (status.st_size, status.st_mtime_ns, status.st_ino) if stat.S_ISREG(status.st_mode) else (0, 0, 0)

    def taken(self, now: float) -> set[str]:
        """Take out what is at rest, where it is worth a commit; empty while it is not."""
        for folder in [folder for folder, due in self._again.items() if due <= now]:
            del self._again[folder]
            self._expand(folder, now)
        for path, one in self._waiting.items():
            look = self._look(path)
            if look != one.look:
                one.look, one.since = look, now
        at_rest = {path: one for path, one in self._waiting.items() if now >= max(one.since + QUIET_S, one.not_before)}
        if len(at_rest) < len(self._waiting):
            at_rest = {
                path: one
                for path, one in at_rest.items()
                if now - one.since > (GONE_S if one.look is None else GATHERED_S)
            }
        for path in at_rest:
            del self._waiting[path]
        return {*at_rest}
