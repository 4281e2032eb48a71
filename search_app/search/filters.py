"""Filters as people write them: a JSON object in a body, `field:value` in a URL and in the terminal."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from search_app.datatypes import Condition
from search_app.errors import BadRequest

_BOUNDS = {">=": "gte", ">": "gt", "<=": "lte", "<": "lt"}
_ONE = re.compile(r"(?P<minus>-?)(?P<field>[A-Za-z_][\w.]*)\s*(?P<sign>>=|<=|>|<|:|=)\s*(?P<value>.+)", re.DOTALL)
_SPELLING = "write field:value, field:one,another, field>=number, or -field:value"


def filter_of_text(text: str) -> Condition:
    """One condition: `colour:red`, `colour:red,blue` (one of them), `width>=800`, `date:2020-05`, `-format:GIF`.

    Raises `BadRequest` for what is none of these.
    """
    match = _ONE.fullmatch(text.strip())
    if match is None:
        raise BadRequest(f"{text!r} is no filter: {_SPELLING}", "filter")
    field, sign, value = match["field"], match["sign"], match["value"].strip()
    excluded = bool(match["minus"])
    if sign in _BOUNDS:
        return Condition(field, excluded=excluded, **{_BOUNDS[sign]: value})  # type: ignore[arg-type]
    return Condition(field, tuple(part.strip() for part in value.split(",") if part.strip()), excluded=excluded)


def filter_of_object(given: Mapping[str, Any]) -> tuple[Condition, ...]:
    """All conditions of a JSON object, which must all hold.

    `{"colour": "red", "format": ["PNG", "WEBP"], "width": {"gte": 800}, "not": {"folder": "old"}}`: a value, one of
    several, bounds, and under `not` what must not hold. Raises `BadRequest` for what is none of these.
    """
    conditions: list[Condition] = []
    for field, value in given.items():
        if field == "not":
            if not isinstance(value, Mapping):
                raise BadRequest("`not` holds an object of conditions", "filter")
            conditions += [_condition(name, one, excluded=True) for name, one in value.items()]
        else:
            conditions.append(_condition(field, value, excluded=False))
    return tuple(conditions)


def _condition(field: str, value: Any, *, excluded: bool) -> Condition:
    if isinstance(value, Mapping):
        unknown = value.keys() - {*_BOUNDS.values()}
        if unknown or not value:
            raise BadRequest(f"the bounds of {field!r} are gte, gt, lte and lt", "filter")
        return Condition(field, excluded=excluded, **value)
    values = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    return Condition(field, tuple(values), excluded=excluded)
