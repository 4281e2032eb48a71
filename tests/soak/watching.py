"""What a service holds, read from /proc, and whether that grows."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

SIGMA = 1.4826
"""A median absolute deviation times this is a standard deviation, where noise is normal."""
NOISE = 3.0


@dataclass(frozen=True)
class Held:
    """By one process, or by several together."""

    anonymous_mib: float = 0.0
    """Memory of its own: files that are mapped, which the kernel may drop, are left out."""
    resident_mib: float = 0.0
    handles: int = 0
    threads: int = 0

    def __add__(self, other: "Held") -> "Held":
        return Held(*(getattr(self, name) + getattr(other, name) for name in asdict(self)))


def held_by(process: int) -> Held:
    """What a process holds; nothing where it has ended."""
    try:
        lines = (line.split(":", 1) for line in Path(f"/proc/{process}/status").read_text().splitlines())
        facts = {name: value.split()[0] for name, value in lines if value.split()}
        handles = sum(1 for _ in Path(f"/proc/{process}/fd").iterdir())
    except (OSError, ProcessLookupError):
        return Held()
    anonymous, resident = (int(facts.get(name, 0)) / 1024 for name in ("RssAnon", "VmRSS"))
    return Held(anonymous, resident, handles, int(facts.get("Threads", 0)))


def children(process: int) -> Iterator[int]:
    """The children of all threads of a process."""
    for thread in Path(f"/proc/{process}/task").glob("*/children"):
        try:
            yield from map(int, thread.read_text().split())
        except (OSError, ProcessLookupError):
            continue


@dataclass(frozen=True)
class Growth:
    """What a robust line through a series says (H. Theil, 1950; P. K. Sen, 1968)."""

    level: float
    """Median."""
    by_line: float
    """Slope times the length of the series."""
    noise: float
    """Standard deviation around the line, from the median absolute deviation."""
    per_hour: float

    def is_flat(self, least: float) -> bool:
        """Whether it grows by no more than its noise, three deviations, or `least` where there is hardly any noise."""
        return self.by_line <= max(NOISE * self.noise, least)


def growth(seconds: Sequence[float], values: Sequence[float]) -> Growth:
    """The line: its slope is the median of the slopes between all pairs."""
    x, y = np.asarray(seconds, float), np.asarray(values, float)
    first, second = np.triu_indices(len(x), 1)
    slope = float(np.median((y[second] - y[first]) / (x[second] - x[first])))
    rest = y - slope * x
    noise = SIGMA * float(np.median(np.abs(rest - np.median(rest))))
    return Growth(float(np.median(y)), slope * float(x[-1] - x[0]), noise, slope * 3600)
