"""Patience with what fails only now and then: exponential back-off with jitter, and an end."""

import itertools
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from search_app.index.deadline import seconds_left, within

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long and how often to try."""

    total_s: float
    """From the first attempt on, waiting included; see `index.deadline`."""
    attempts: int = 1_000_000
    first_delay_s: float = 0.1
    longest_delay_s: float = 5.0

    def retry(self, attempt: Callable[[], Result], delay_asked: Callable[[Exception], float | None]) -> Result:
        """Call `attempt` until it succeeds, or the attempts or the time are used up.

        `delay_asked` judges an error: None when another attempt cannot help, else the least number of seconds
        to wait before it (0 leaves the choice to the back-off). Where that is more than is left it is given up at once.
        """
        with within(self.total_s):
            for number in itertools.count():
                try:
                    return attempt()
                except Exception as error:
                    asked = delay_asked(error)
                    if asked is None or number + 1 >= self.attempts:
                        raise
                    back_off = min(self.first_delay_s * 2 ** min(number, 10), self.longest_delay_s)
                    # after a delay that was asked for too, or all that were told it come back at the same moment
                    delay = asked + back_off * random.uniform(0.5, 1.5)  # noqa: S311 - jitter, no secret
                    if delay >= seconds_left():
                        raise
                    time.sleep(delay)
        raise AssertionError("it returns or raises")
