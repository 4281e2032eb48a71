"""What the system says of changes in a folder, and when it may have said too little.

The events come from `watchfiles` (the Rust crate `notify`: inotify, FSEvents, ReadDirectoryChangesW, or looking at all
files again and again). It does not tell when the system's queue of them ran over, so so many at once that it might have
are an overflow here.
"""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

STEP_MS = 50
BURST_MS = 400
"""Events that follow each other are handed out together, after so long at last."""
TICK_MS = 200
"""Without events one gets a word this often."""
OVERFLOW = 4_096
"""Paths at once from which events may have been lost; inotify queues 16,384 events, several of them for each file."""


@dataclass(frozen=True, slots=True)
class Touched:
    """Paths at which something happened, relative to the folder, POSIX separators; maybe none."""

    paths: frozenset[str]
    is_overflow: bool = False
    """Whether others may have been touched too."""


def follow_events(folder: Path, stop: threading.Event, *, is_polling: bool) -> Iterator[Touched]:
    """Hand out what is touched, until `stop`; the first, empty one when nothing goes unseen any more.

    Hidden names are passed over, as the scan does it. Raises `FileNotFoundError` where there is no folder.
    """
    from watchfiles import watch

    for changes in watch(
        folder,
        watch_filter=None,
        debounce=BURST_MS,
        step=STEP_MS,
        stop_event=stop,
        rust_timeout=TICK_MS,
        yield_on_timeout=True,
        raise_interrupt=True,
        force_polling=is_polling or None,
        ignore_permission_denied=True,
    ):
        paths = {_relative(path, folder) for _, path in changes}
        shown = frozenset(path for path in paths if not any(part.startswith(".") for part in path.split("/")))
        yield Touched(shown - {""}, is_overflow=len(changes) >= OVERFLOW or "" in paths)


def _relative(path: str, folder: Path) -> str:
    """Empty for the folder itself."""
    place = Path(path)
    return place.relative_to(folder).as_posix() if place != folder and place.is_relative_to(folder) else ""
