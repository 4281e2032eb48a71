"""Conditions in the words of a payload, as every engine gets them; light, as the owner of a shard must start fast."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


class Span(NamedTuple):
    """Bounds of a number or, where `is_date`, of a date in the form of `dates.stored`."""

    is_date: bool
    gte: Any = None
    gt: Any = None
    lte: Any = None
    lt: Any = None


class Test(NamedTuple):
    """Holds where the field `key` of the payload has one of `values` or lies in one of `spans`."""

    key: str
    """May have a dot in it: a field below a field."""
    values: tuple[Any, ...] = ()
    """Strings or whole numbers; None stands for a field that is missing or empty."""
    spans: tuple[Span, ...] = ()


class Clause(NamedTuple):
    """Holds where all tests do or, where `excluded`, where not all of them do."""

    excluded: bool
    tests: tuple[Test, ...]


def passes(payload: Mapping[str, Any], clauses: Sequence[Clause]) -> bool:
    """Whether a payload passes every clause: the meaning that all engines agree on."""
    return all(clause.excluded != all(_holds(payload, test) for test in clause.tests) for clause in clauses)


def values_at(payload: Mapping[str, Any], key: str) -> list[Any]:
    """The values of a field, without repetition; none where it is missing."""
    found: Any = payload
    for name in key.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    if found is None:
        return []
    return list(dict.fromkeys(found)) if isinstance(found, list | tuple) else [found]


def _holds(payload: Mapping[str, Any], test: Test) -> bool:
    found = values_at(payload, test.key)
    if any(value in test.values for value in found) or (None in test.values and not found):
        return True
    return any(_within(value, span) for value in found for span in test.spans)


def _within(value: Any, span: Span) -> bool:
    return (
        (span.gte is None or value >= span.gte)
        and (span.gt is None or value > span.gt)
        and (span.lte is None or value <= span.lte)
        and (span.lt is None or value < span.lt)
    )
