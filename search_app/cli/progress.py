"""A progress bar on a terminal, a plain line now and then elsewhere."""

import sys
import time
from types import TracebackType
from typing import Self

from tqdm import tqdm

LINE_EVERY_SECONDS = 10.0


class TerminalProgress:
    """Shows (done, total, skipped) on standard error; use as a context manager."""

    def __init__(self, verb: str, unit: str) -> None:
        self._verb = verb
        self._unit = unit
        self._bar: tqdm[None] | None = None
        self._on_terminal = sys.stderr.isatty()
        self._next_line = time.monotonic() + LINE_EVERY_SECONDS
        self._started = time.monotonic()

    def __call__(self, done: int, total: int, skipped: int = 0) -> None:
        """Show where the work stands."""
        if total == 0:
            return
        if self._on_terminal:
            self._show_bar(done, total, skipped)
        elif time.monotonic() >= self._next_line or (done == total and done > 0):
            self._next_line = time.monotonic() + LINE_EVERY_SECONDS
            rate = done / max(time.monotonic() - self._started, 1e-9)
            bad = f", {skipped} skipped" if skipped else ""
            print(f"{self._verb}: {done} of {total} {self._unit}{bad}, {rate:.1f} a second", file=sys.stderr)

    def _show_bar(self, done: int, total: int, skipped: int) -> None:
        if self._bar is None:
            self._bar = tqdm(total=total, desc=self._verb, unit=self._unit, dynamic_ncols=True, file=sys.stderr)
        self._bar.update(done - self._bar.n)
        if skipped:
            self._bar.set_postfix(skipped=skipped)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()
