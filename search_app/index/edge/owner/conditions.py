"""Clauses in the forms that `qdrant_edge` takes; runs in the process that owns the shard."""

from collections.abc import Sequence
from typing import Any

import qdrant_edge as qe

from search_app.index.clauses import Clause, Span, Test


def filter_of(clauses: Sequence[Clause], among: Sequence[int] | None) -> Any:
    """A filter that lets pass what passes every clause and is in `among`; None where everything passes."""
    if not clauses and among is None:
        return None
    must: list[Any] = [] if among is None else [qe.HasIdCondition(set(among))]
    must += [_test(test) for clause in clauses if not clause.excluded for test in clause.tests]
    must_not: list[Any] = [qe.Filter(must=[*map(_test, clause.tests)]) for clause in clauses if clause.excluded]
    return qe.Filter(must=must, must_not=must_not)


def _test(test: Test) -> Any:
    """One condition, or several of which one must hold."""
    key, values = test.key, [value for value in test.values if value is not None]
    ways: list[Any] = [qe.FieldCondition(key, range=_range(span)) for span in test.spans]
    if values or not test.spans:
        ways.append(qe.FieldCondition(key, match=qe.MatchAny(values)))
    if None in test.values:
        ways.append(qe.IsEmptyCondition(key))
    return ways[0] if len(ways) == 1 else qe.Filter(should=ways)


def _range(span: Span) -> Any:
    kind = qe.RangeDateTime if span.is_date else qe.RangeFloat
    return kind(gte=span.gte, gt=span.gt, lte=span.lte, lt=span.lt)
