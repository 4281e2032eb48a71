"""What was made lately, kept in memory up to a number of bytes."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Kept(Generic[K, V]):
    """Values by key; the least recently used go first. Safe to call from several threads."""

    def __init__(self, most_bytes: int, size: Callable[[K, V], int]) -> None:
        """`size` tells how many bytes a value and its key count for."""
        self._most_bytes = most_bytes
        self._size = size
        self._bytes = 0
        self._kept: OrderedDict[K, V] = OrderedDict()
        self._lock = Lock()

    def get(self, key: K) -> V | None:
        """What is kept, and is the last to go from now on."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def keep(self, key: K, value: V) -> None:
        """Keep it instead of what had the key; what is larger than everything together is not kept."""
        with self._lock:
            if key in self._kept:
                self._bytes -= self._size(key, self._kept.pop(key))
            self._kept[key] = value
            self._bytes += self._size(key, value)
            while self._bytes > self._most_bytes:
                self._bytes -= self._size(*self._kept.popitem(last=False))
