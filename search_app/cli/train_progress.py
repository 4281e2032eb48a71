"""How a training shows itself on a terminal: a bar for each kind of work, a line for each epoch."""

from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Self

from tqdm import tqdm

from search_app.cli.progress import TerminalProgress

if TYPE_CHECKING:
    from search_app.training.log import Entry

WHOLE = ("member", "epoch", "step")


class TrainingProgress:
    """One bar at a time: the next kind of work closes the last one's; use as a context manager."""

    def __init__(self) -> None:
        self._open = ExitStack()
        self._what = ""
        self._bar: TerminalProgress | None = None

    def show(self, what: str, done: int, total: int) -> None:
        """Show how much of one kind of work is done."""
        if what != self._what or self._bar is None:
            self._open.close()
            self._what = what
            self._bar = self._open.enter_context(TerminalProgress(what, "done"))
        self._bar(done, total)

    def epoch(self, entry: "Entry") -> None:
        """Print one line."""
        told = (f"{key} {value:.0f}" if key in WHOLE else f"{key} {value:.4g}" for key, value in entry.items())
        tqdm.write("  ".join(told))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()
