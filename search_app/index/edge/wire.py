"""What passes between a process and the owner of its shard: plain values, cheap to import and to pickle."""

from enum import Enum
from typing import Any, TypeAlias

from search_app.index.clauses import Clause

FacetValue: TypeAlias = str | int
"""As in `datatypes`, which would import numpy."""
Payloads: TypeAlias = list[tuple[int, dict[str, Any]]]
"""Ids with payloads."""
Sparse: TypeAlias = tuple[bytes, bytes]
"""Indices as uint32 and values as float32."""
WordVectors: TypeAlias = tuple[bytes, Sparse]
"""How words are searched: a float32 vector by meaning (empty: none) and a sparse one by form (empty: none)."""
Rows: TypeAlias = tuple[list[int], bytes, list[WordVectors | None], list[dict[str, Any]]]
"""Ids, float32 rows, vectors of the words and payloads."""
Question: TypeAlias = tuple[str, bytes | Sparse, int, tuple[int, int], bool, tuple[int, ...] | None, tuple[Clause, ...]]
"""Channel, vector, how many neighbours, how many are looked at and how many scored again, whether to compare with every
vector, among which ids (None: all), and what they must pass."""
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
    NO_ROOM = "no room"
    """The system takes no more: a full disk, a quota, a limit."""
    FAILED = "failed"
    """The engine raised or panicked."""
