"""Clauses in the forms that `qdrant_client` takes."""

from collections.abc import Sequence
from typing import Any

from qdrant_client import models

from search_app.index.clauses import Clause, Span, Test


def filter_of(
    clauses: Sequence[Clause], among: Sequence[int] | None, *, without: int | None = None
) -> models.Filter | None:
    """A filter that lets pass what passes every clause, is in `among` and is not point `without`; None: everything."""
    if not clauses and among is None and without is None:
        return None
    must: list[Any] = [] if among is None else [models.HasIdCondition(has_id=[*among])]
    must += [_test(test) for clause in clauses if not clause.excluded for test in clause.tests]
    must_not: list[Any] = [models.Filter(must=[*map(_test, one.tests)]) for one in clauses if one.excluded]
    must_not += [] if without is None else [models.HasIdCondition(has_id=[without])]
    return models.Filter(must=must or None, must_not=must_not or None)


def _test(test: Test) -> Any:
    """One condition, or several of which one must hold."""
    key, values = test.key, [value for value in test.values if value is not None]
    ways: list[Any] = [_in_span(key, span) for span in test.spans]
    if values or not test.spans:
        ways.append(models.FieldCondition(key=key, match=models.MatchAny(any=values)))
    if None in test.values:
        ways.append(models.IsEmptyCondition(is_empty=models.PayloadField(key=key)))
    return ways[0] if len(ways) == 1 else models.Filter(should=ways)


def _in_span(key: str, span: Span) -> models.FieldCondition:
    bounds = {"gte": span.gte, "gt": span.gt, "lte": span.lte, "lt": span.lt}
    kind = models.DatetimeRange if span.is_date else models.Range
    return models.FieldCondition(key=key, range=kind(**bounds))
