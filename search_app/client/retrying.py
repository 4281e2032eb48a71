"""When a question is asked again: after lost connections, 429 and 503, with growing pauses, until a deadline.

Asking twice does no harm: what is asked here only reads, or adds or removes what the service finds added or removed the
second time. Any other answer is final: the same question would be refused again.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TypeAlias

import httpx

Outcome: TypeAlias = httpx.Response | httpx.TransportError
"""What came of one attempt."""

_BUSY = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
_OUR_MISTAKE = (httpx.UnsupportedProtocol, httpx.LocalProtocolError)


@dataclass(frozen=True, slots=True)
class Retry:
    """How patiently a question is asked; `Retry(attempts=1)` asks once."""

    attempts: int = 6
    """Most requests for one question."""
    deadline: float = 30.0
    """Seconds from the first attempt after which no other begins."""
    first: float = 0.2
    """Seconds: upper bound of the first pause. Each further bound is twice the one before ..."""
    longest: float = 8.0
    """... up to this. What the service says in `Retry-After` is waited at least."""


class Attempts:
    """The attempts of one question.

    A pause is drawn evenly between 0 and its bound, so that clients who were turned away together do not return
    together ("full jitter": M. Brooker, Exponential Backoff And Jitter, AWS Architecture Blog, 2015).
    """

    def __init__(
        self,
        retry: Retry,
        clock: Callable[[], float] = time.monotonic,
        draw: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._retry, self._clock, self._draw = retry, clock, draw
        self._end = clock() + retry.deadline
        self._made = 0

    def time_left(self, timeout: float) -> float:
        """Seconds that the next attempt may wait for the service: `timeout`, or what the deadline leaves of it."""
        return min(timeout, max(self._end - self._clock(), 0.001))

    def pause_after(self, outcome: Outcome) -> float | None:
        """Seconds to wait before the next attempt, or None where this outcome is the last."""
        self._made += 1
        if self._made >= self._retry.attempts or not _may_pass(outcome):
            return None
        pause = self._draw(0.0, min(self._retry.longest, self._retry.first * 2 ** (self._made - 1)))
        if isinstance(outcome, httpx.Response):
            pause += _wanted(outcome)
        return pause if self._clock() + pause < self._end else None


def _may_pass(outcome: Outcome) -> bool:
    if isinstance(outcome, httpx.Response):
        return outcome.status_code in _BUSY
    return not isinstance(outcome, _OUR_MISTAKE)


def _wanted(response: httpx.Response) -> float:
    """Seconds of `Retry-After`, which may be a date (RFC 9110); 0 where there is none that can be read."""
    text = response.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdecimal():
        return float(text)
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return 0.0
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    return max((date - datetime.now(UTC)).total_seconds(), 0.0)
