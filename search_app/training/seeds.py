"""What a training gives over several seeds: mean and spread of each measure."""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import mean, stdev
from typing import Any


@dataclass(frozen=True, slots=True)
class SeedTable:
    """Measures of the same training from different seeds."""

    measures: Mapping[int, Mapping[str, float]]
    """Seed -> measure -> value."""

    def summary(self) -> dict[str, dict[str, float]]:
        """For each measure its mean, standard deviation (of the sample; 0 for one seed), least and largest value."""
        names = next(iter(self.measures.values()))
        columns = {name: [row[name] for row in self.measures.values()] for name in names}
        return {
            name: {
                "mean": mean(values),
                "deviation": stdev(values) if len(values) > 1 else 0.0,
                "least": min(values),
                "largest": max(values),
            }
            for name, values in columns.items()
        }

    def to_json(self) -> dict[str, Any]:
        """`{"seeds": {SEED: {MEASURE: value}}, "summary": {MEASURE: {"mean", "deviation", "least", "largest"}}}`."""
        return {"seeds": {str(seed): dict(row) for seed, row in self.measures.items()}, "summary": self.summary()}

    def lines(self) -> list[str]:
        """The table for a terminal."""
        summary = self.summary()
        lines = ["seed      " + "".join(f"{name:>9}" for name in summary)]
        lines += [
            f"{seed:<10}" + "".join(f"{row[name]:9.4f}" for name in summary) for seed, row in self.measures.items()
        ]
        for key in ("mean", "deviation"):
            lines.append(f"{key:<10}" + "".join(f"{values[key]:9.4f}" for values in summary.values()))
        return lines
