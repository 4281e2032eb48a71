"""Has a measure fallen? A result against an earlier one of the same queries, kept as the JSON of `evaluate`."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from search_app.errors import EvaluationError
from search_app.evaluation.differences import lower_is_better
from search_app.evaluation.statistics import bootstrap_interval

_ROUNDING = 5e-4
"""Means that differ by less are the same: results may be kept in few digits, and sums depend on the machine."""
_STANDARD_ERRORS = 2 * 1.959964
"""Widths of a 95 % interval in standard errors of the mean."""


@dataclass(frozen=True, slots=True)
class Fall:
    """A mean that is worse than before by more than its noise."""

    place: str
    """Section and system."""
    measure: str
    before: float
    now: float
    allowed: float
    """How far it may fall: the standard error of the mean, over queries."""

    def __str__(self) -> str:
        return f"{self.place}: {self.measure} was {self.before:.4f} and is {self.now:.4f} (noise {self.allowed:.4f})"


def read_result(path: Path) -> dict[str, Any]:
    """Read the JSON that `evaluate --json` wrote; raises `EvaluationError` where it cannot be used."""
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise EvaluationError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise EvaluationError(f"{path}: is not the JSON that `evaluate --json` writes: {error}") from error
    if not isinstance(content, dict) or not ({"sections", "measures"} & content.keys()):
        raise EvaluationError(f"{path}: is not the JSON that `evaluate --json` writes")
    return content


def fallen(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[Fall]:
    """What fell, among the sections, systems and measures that both results have.

    A mean has fallen where the loss is larger than the standard error of the earlier mean, or where the whole 95 %
    bootstrap interval of the paired differences lies on the wrong side: with the same pictures, queries and judgements
    almost all noise is shared, and small losses on many queries count too. Raises `EvaluationError` where the two
    have nothing in common or were measured on other queries.
    """
    earlier = dict(_reports(before))
    shared = [(place, earlier[place], report) for place, report in _reports(now) if place in earlier]
    if not shared:
        raise EvaluationError("the two results have no section and system in common: there is nothing to compare")
    return [fall for place, old, new in shared for fall in _falls(place, old, new)]


def _reports(content: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if "sections" not in content:
        yield str(content["model"]), content
        return
    for section, each in content["sections"].items():
        for system, report in each["systems"].items():
            yield f"{section}, {system}", report


def _falls(place: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Fall]:
    if old["queries"].keys() != new["queries"].keys():
        odd = min(old["queries"].keys() ^ new["queries"].keys())
        raise EvaluationError(
            f"{place}: query {odd} is in one of the two results only: measure both on the same labels"
        )
    for measure, mean in old["measures"].items():
        if measure not in new["measures"]:
            continue
        sign = -1 if lower_is_better(measure) else 1
        gains = np.array(
            [sign * (new["queries"][qid][measure] - values[measure]) for qid, values in old["queries"].items()]
        )
        allowed = (mean["high"] - mean["low"]) / _STANDARD_ERRORS
        _, high = bootstrap_interval(gains[:, None])
        loss = -float(gains.mean())
        if loss > _ROUNDING and (loss > allowed or high[0] < 0):
            yield Fall(place, measure, mean["value"], new["measures"][measure]["value"], allowed)
