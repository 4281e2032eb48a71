"""How long somebody is willing to wait, known to everything that is done for them in the same thread or task."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(slots=True)
class _Purse:
    """Seconds that may still be spent on waiting for an index."""

    left: float


_until: ContextVar[float] = ContextVar("until", default=math.inf)
_purse: ContextVar[_Purse | None] = ContextVar("purse", default=None)


@contextmanager
def allowance(seconds: float) -> Iterator[None]:
    """All `waiting` inside takes so long together; what is done in between, such as encoding, does not count."""
    token = _purse.set(_Purse(seconds))
    try:
        yield
    finally:
        _purse.reset(token)


@contextmanager
def waiting(seconds: float) -> Iterator[None]:
    """What is inside waits for an index, so long at most, and no longer than the allowance."""
    purse = _purse.get() or _Purse(math.inf)
    began = time.monotonic()
    try:
        with within(min(seconds, max(purse.left, 0.0))):
            yield
    finally:
        purse.left -= time.monotonic() - began


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """What is done inside may take so long, or less where somebody further out waits no longer."""
    token = _until.set(min(_until.get(), time.monotonic() + seconds))
    try:
        yield
    finally:
        _until.reset(token)


def seconds_left() -> float:
    """Infinite where nobody said; 0 where the time is over."""
    return max(0.0, _until.get() - time.monotonic())
