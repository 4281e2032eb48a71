"""Thumbnails that were made lately, kept in memory up to a number of bytes."""

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import TypeAlias

Key: TypeAlias = tuple[Path, str]
"""File of the picture; what else the thumbnail depends on."""


class ThumbnailCache:
    """Least recently used go first; safe to call from several threads."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._kept: OrderedDict[Key, bytes] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Key, make: Callable[[], bytes]) -> bytes:
        """The thumbnail, made outside the lock where it is not kept: two threads may make the same one."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        thumbnail = make()
        with self._lock:
            self._bytes += len(thumbnail) - len(self._kept.pop(key, b""))
            self._kept[key] = thumbnail
            while self._bytes > self._max_bytes:
                self._bytes -= len(self._kept.popitem(last=False)[1])
        return thumbnail
