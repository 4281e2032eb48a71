"""What passes between a process and the owner of its shard: plain values, cheap to import and to pickle."""

from enum import Enum
from typing import Any, TypeAlias

Payloads: TypeAlias = list[tuple[int, dict[str, Any]]]
"""Ids with payloads."""
Rows: TypeAlias = tuple[list[int], bytes, list[dict[str, Any]]]
"""Ids, float32 rows and payloads."""
Question: TypeAlias = tuple[bytes, int, bool]
"""A float32 vector, how many neighbours, and whether to compare with every vector."""
Nearest: TypeAlias = tuple[bytes, bytes]
"""The neighbours' ids as int64 and their scores as float32, best first."""


class Outcome(Enum):
    """How a request ended; anything but `DONE` carries a text."""

    DONE = "done"
    INVALID = "invalid"
    """The caller's mistake; nothing was written."""
    IN_USE = "in use"
    """Another process owns the shard."""
    DAMAGED = "damaged"
    """The shard does not open."""
    FAILED = "failed"
    """The engine raised or panicked."""
