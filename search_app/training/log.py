"""What a training reports while it runs: a line of JSON an epoch, and their picture."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from search_app.errors import MissingDependency

Entry: TypeAlias = dict[str, float]
"""One epoch: its number, losses, learning rate, measures on `dev`, seconds."""


@dataclass(frozen=True, slots=True)
class Watch:
    """Who is told how a training goes."""

    progress: Callable[[str, int, int], None] = lambda _what, _done, _total: None
    """Called with what is being done, how much of it is done, and of how much."""
    epoch: Callable[[Entry], None] = lambda _entry: None
    """Called after every epoch."""

    def of(self, what: str) -> Callable[[int, int], None]:
        """Progress of one kind of work."""
        return lambda done, total: self.progress(what, done, total)


class TrainingLog:
    """A file of JSON lines that always tells what the checkpoint knows, however often a run was interrupted."""

    def __init__(self, path: Path, entries: Sequence[Entry], watch: Watch) -> None:
        """Begin with the epochs of earlier runs; what they did after their last checkpoint is done again."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(entry) + "\n" for entry in entries), encoding="utf-8")
        self._path, self._watch = path, watch

    def add(self, entry: Entry) -> None:
        """Append one epoch and tell whoever watches."""
        with self._path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(entry) + "\n")
        self._watch.epoch(entry)


def draw_curves(path: Path, entries: Sequence[Entry], panels: Mapping[str, Sequence[str]], lines: str = "") -> None:
    """Draw a PNG: one panel a title, one curve a key; entries of different `lines` value are curves of their own.

    Raises `MissingDependency` where matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingDependency(
            "the curves of a training need matplotlib: pip install -r requirements-train.txt"
        ) from error
    figure = Figure(figsize=(4.2 * len(panels), 3.4), layout="constrained")
    for axes, (title, keys) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True):
        for place, key in enumerate(keys):
            for number, line in enumerate(sorted({entry.get(lines, 0) for entry in entries})):
                chosen = [entry for entry in entries if entry.get(lines, 0) == line and key in entry]
                values = [entry[key] for entry in chosen]
                epochs = [entry["epoch"] for entry in chosen]
                label = key if number == 0 else None
                axes.plot(epochs, values, color=f"C{place}", alpha=0.9 - 0.25 * min(number, 2), label=label, marker=".")
        axes.set(title=title, xlabel="epoch")
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)
    figure.savefig(path, dpi=110)
