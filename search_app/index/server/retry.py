"""Patience with what fails only now and then: exponential back-off with jitter."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Patience:
    """How often and how long to try."""

    attempts: int
    first_delay_s: float = 0.1
    longest_delay_s: float = 5.0

    def retry(self, attempt: Callable[[], Result], delay_asked: Callable[[Exception], float | None]) -> Result:
        """Call `attempt` until it succeeds or the attempts are used up.

        `delay_asked` judges an error: None when another attempt cannot help, else the least number of seconds
        to wait before it (0 leaves the choice to the back-off).
        """
        for number in range(self.attempts):
            try:
                return attempt()
            except Exception as error:
                asked = delay_asked(error)
                if asked is None or number + 1 == self.attempts:
                    raise
                back_off = min(self.first_delay_s * 2**number, self.longest_delay_s)
                time.sleep(max(asked, back_off * random.uniform(0.5, 1.5)))  # noqa: S311 - jitter, no secret
        raise AssertionError("attempts is at least 1")
