"""Which fault meets which request: seeded, so that what happened can happen again."""

import random
import threading
from collections.abc import Sequence

from tests.faults.proxy import Asked, Fault

TRANSIENT = (
    "drop",
    "reset",
    "lose",
    "truncate",
    "shorten",
    "garbage",
    "null",
    "429:1",
    "429",
    "500",
    "502",
    "503",
    "503:1",
    "slow:0.05",
)
"""What may pass by itself."""


class Seeded:
    """One request in `1 / rate` meets a fault; with `forgets` the server also says it stored what it did not."""

    def __init__(self, seed: object, rate: float, kinds: Sequence[str] = TRANSIENT, *, forgets: bool = False) -> None:
        self._rng, self._rate = random.Random(str(seed)), rate
        self._kinds = (*kinds, *(("forget",) * 3 if forgets else ()))
        self._lock = threading.Lock()

    def __call__(self, _asked: Asked) -> str:
        with self._lock:
            return self._rng.choice(self._kinds) if self._rng.random() < self._rate else "pass"


def always(kind: str) -> Fault:
    """The same for every request."""
    return lambda _asked: kind
