"""Models beside each other: quality against what they cost, and which of them no other one beats in everything."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from search_app.evaluation.cost import EncoderCost
from search_app.evaluation.report import Estimate
from search_app.evaluation.tables import TextTable

ON_THE_FRONT = "+"
"""Marks a model of the Pareto front."""


@dataclass(frozen=True, slots=True)
class ModelRow:
    """One model that was measured; None where a figure could not be."""

    quality: Mapping[str, Estimate]
    """Section and measure to its mean."""
    cost: EncoderCost
    images_per_second: float | None
    """Of indexing, decoding included."""
    memory_mb: float | None
    """The most that indexing held."""

    def to_json(self) -> dict[str, object]:
        """Plain JSON values."""
        return asdict(self)


def pareto_front(rows: Mapping[str, ModelRow], quality: str) -> list[str]:
    """Models that no other one beats: none is at least as good and as cheap in all, and better in one.

    Compared are quality, time for a picture, time for a sentence and, where all have it, memory.
    """
    with_memory = all(row.memory_mb is not None for row in rows.values())
    values = {
        name: (
            row.quality[quality].value,
            -row.cost.image_ms,
            -row.cost.text_ms,
            -(row.memory_mb or 0.0) if with_memory else 0.0,
        )
        for name, row in rows.items()
    }
    return [name for name, own in values.items() if not any(_beats(other, own) for other in values.values())]


def model_table(rows: Mapping[str, ModelRow], quality: str, skipped: Mapping[str, str]) -> TextTable:
    """A line for each model, best first by `quality`, then why the others are missing."""
    front = pareto_front(rows, quality)
    order = sorted(rows, key=lambda name: -rows[name].quality[quality].value)
    lines = [
        (
            name,
            *(f"{mean.value:.3f} ({mean.low:.3f} to {mean.high:.3f})" for mean in rows[name].quality.values()),
            f"{rows[name].cost.text_ms:.1f}",
            f"{rows[name].cost.image_ms:.1f}",
            _rounded(rows[name].images_per_second, 1),
            _rounded(rows[name].memory_mb, 0),
            str(rows[name].cost.dim),
            ON_THE_FRONT if name in front else "",
        )
        for name in order
    ]
    names = next(iter(rows.values())).quality
    head = ("model", *names, "sentence ms", "picture ms", "indexed/s", "memory MB", "dim", "front")
    note = (
        f"Best first by {quality}; {ON_THE_FRONT} no other model is at least as good and as cheap in everything. "
        f"Times are medians on this machine; memory is the most that indexing held."
    )
    missing = [f"Not measured: {name}: {reason}" for name, reason in skipped.items()]
    return TextTable("Models", head, tuple(lines), "\n".join([note, *missing]))


def _beats(other: Sequence[float], own: Sequence[float]) -> bool:
    return all(a >= b for a, b in zip(other, own, strict=True)) and any(a > b for a, b in zip(other, own, strict=True))


def _rounded(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
