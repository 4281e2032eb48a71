"""From conditions as users write them to clauses over the payload; whatever is wrong with one is a `ValueError`."""

import math
import re
from collections.abc import Callable, Mapping, Sequence

from search_app.datatypes import COLOURS, Condition, FacetValue
from search_app.index.clauses import Clause, Span, Test
from search_app.index.dates import span_of
from search_app.index.fields import (
    COUNTED,
    FIELDS,
    HAS_WORDS,
    META_DATE,
    META_NUMBER,
    META_PREFIX,
    META_TEXT,
    NO,
    YES,
)

META_NAME = re.compile(r"[A-Za-z0-9_]{1,64}", re.ASCII)
"""What a field of a metadata file may be called."""
ORIENTATIONS = ("landscape", "portrait", "square")
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
_YES_NO = {"yes": YES, "no": NO, "true": YES, "false": NO}
_OTHER_NAMES = {"gray": "grey", "JPG": "JPEG", "TIF": "TIFF"}
EXACT = 2**53
"""Whole numbers up to this are the same in every engine, which may hold them as floating ones."""
_WHOLE = 2**63
Value = str | float | bool


def resolve(conditions: Sequence[Condition]) -> tuple[Clause, ...]:
    """The clauses that mean the same; raises `ValueError` that names the field and what it takes."""
    return tuple(Clause(one.excluded, _tests(one)) for one in conditions)


def counted_key(field: str) -> str:
    """The field of the payload that pictures are counted by; raises `ValueError` where they are not."""
    if field in COUNTED:
        return FIELDS[field][0]
    name = _meta_name(field, f"pictures are counted by {', '.join(COUNTED)} and meta.NAME")
    return f"{META_TEXT}.{name}"


def yes_or_no(count: Callable[[tuple[Clause, ...]], int]) -> list[tuple[FacetValue, int]]:
    """Count pictures with printed words and without; `count` counts those that pass some more clauses."""
    there = Clause(excluded=False, tests=(Test(HAS_WORDS, (YES,)),))
    yes = count((there,))
    counts: list[tuple[FacetValue, int]] = [(NO, count(()) - yes), (YES, yes)]
    return sorted(((name, number) for name, number in counts if number), key=lambda pair: -pair[1])


def text_of(value: Value) -> str:
    """A value of a metadata field as text: what it is compared and counted by. 5 and 5.0 are alike."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) <= EXACT:
        value = int(value)
    return str(value)


def _tests(condition: Condition) -> tuple[Test, ...]:
    field, bounds = condition.field, _bounds(condition)
    if not condition.any_of and not bounds:
        raise ValueError(f"the condition on {field!r} says nothing: give values or bounds")
    for value in (*condition.any_of, *bounds.values()):
        _check_value(field, value)
    if field in FIELDS:
        key, kind = FIELDS[field]
        if kind == "datetime":
            return _date_tests(key, condition.any_of, bounds)
        if kind == "integer":
            return _number_tests(field, key, condition.any_of, bounds)
        if bounds:
            raise ValueError(f"{field!r} has no order: give values, not bounds")
        if key == HAS_WORDS:
            return (Test(key, _yes_or_no(field, condition.any_of)),)
        return (Test(key, tuple(dict.fromkeys(_KEYWORDS[field](field, value) for value in condition.any_of))),)
    return _meta_tests(_meta_name(field, f"known are {', '.join(FIELDS)} and meta.NAME"), condition.any_of, bounds)


def _bounds(condition: Condition) -> dict[str, str | float]:
    given = {"gte": condition.gte, "gt": condition.gt, "lte": condition.lte, "lt": condition.lt}
    return {name: value for name, value in given.items() if value is not None}


def _check_value(field: str, value: object) -> None:
    if not isinstance(value, str | int | float):
        raise _wrong(field, value, "text, a number, true or false")
    if isinstance(value, float) and not math.isfinite(value):
        raise _wrong(field, value, "a finite number")
    if isinstance(value, str) and any("\ud800" <= letter <= "\udfff" for letter in value):
        raise _wrong(field, value, "valid Unicode")


def _wrong(field: str, value: object, wanted: str) -> ValueError:
    return ValueError(f"{field!r} is compared with {wanted}, not with {value!r}")


def _meta_name(field: str, known: str) -> str:
    name = field.removeprefix(META_PREFIX)
    if not field.startswith(META_PREFIX) or not META_NAME.fullmatch(name):
        raise ValueError(f"there is no field {field!r} here: {known} (NAME of letters, digits and _)")
    return name


def _text(field: str, value: Value) -> str:
    if not isinstance(value, str):
        raise _wrong(field, value, "text")
    return value


def _folder(field: str, value: Value) -> str:
    return _text(field, value).strip("/")


def _one_of(known: Sequence[str], spelt: Callable[[str], str]) -> Callable[[str, Value], str]:
    def check(field: str, value: Value) -> str:
        name = spelt(_text(field, value))
        name = _OTHER_NAMES.get(name, name)
        if name not in known:
            raise ValueError(f"{value!r} is no {field}: known are {', '.join(known)}")
        return name

    return check


def _yes_or_no(field: str, any_of: Sequence[Value]) -> tuple[str | None, ...]:
    """A picture whose words nobody has read has none."""
    answers: list[str | None] = []
    for value in any_of:
        answer = _YES_NO.get(text_of(value).lower())
        if answer is None:
            raise _wrong(field, value, "yes or no")
        answers += [YES] if answer == YES else [NO, None]
    return tuple(dict.fromkeys(answers))


_KEYWORDS: dict[str, Callable[[str, Value], str]] = {
    "folder": _folder,
    "path": _text,
    "format": _one_of(FORMATS, str.upper),
    "orientation": _one_of(ORIENTATIONS, str.lower),
    "colour": _one_of(COLOURS, str.lower),
}


def _number(field: str, value: Value) -> float:
    """A number as it is, or as text; whole ones stay whole."""
    if isinstance(value, bool):
        raise _wrong(field, value, "a number")
    if not isinstance(value, str):
        return value
    try:
        number = float(value)
        number = int(value) if number.is_integer() and value.lstrip("+-").isdecimal() else number
    except (ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise _wrong(field, value, "a number")
    return number


def _number_tests(field: str, key: str, any_of: Sequence[Value], bounds: Mapping[str, Value]) -> tuple[Test, ...]:
    numbers = [_number(field, value) for value in any_of]
    tests = []
    if numbers:
        # No picture is 640.5 wide; nothing equals a number that no engine stores.
        whole = [int(number) for number in numbers if number == int(number) and abs(number) < _WHOLE]
        missing = [None] if field == "copy_of" and 0 in whole else []  # payloads of older versions lack it
        tests.append(Test(key, tuple(dict.fromkeys([*whole, *missing]))))
    if bounds:
        tests.append(Test(key, (), (_number_span(field, bounds),)))
    return tuple(tests)


def _number_span(field: str, bounds: Mapping[str, Value]) -> Span:
    try:
        return Span(is_date=False, **{name: float(_number(field, value)) for name, value in bounds.items()})
    except OverflowError:
        raise ValueError(f"a bound of {field!r} is too large a number") from None


def _date_tests(key: str, any_of: Sequence[Value], bounds: Mapping[str, Value]) -> tuple[Test, ...]:
    tests = []
    if any_of:
        spans = [span_of(str(value)) for value in any_of]
        tests.append(Test(key, (), tuple(Span(is_date=True, gte=first, lt=after) for first, after in spans)))
    if bounds:
        tests.append(Test(key, (), (_date_span(bounds),)))
    return tuple(tests)


def _date_span(bounds: Mapping[str, Value]) -> Span:
    """A bound stands for all of its year, month or day: up to May includes the 31st."""
    spans = {name: span_of(str(value)) for name, value in bounds.items()}
    first = [spans["gte"][0]] if "gte" in spans else []
    first += [spans["gt"][1]] if "gt" in spans else []
    after = [spans["lte"][1]] if "lte" in spans else []
    after += [spans["lt"][0]] if "lt" in spans else []
    return Span(is_date=True, gte=max(first, default=None), lt=min(after, default=None))


def _meta_tests(name: str, any_of: Sequence[Value], bounds: Mapping[str, Value]) -> tuple[Test, ...]:
    tests = []
    if any_of:
        tests.append(Test(f"{META_TEXT}.{name}", tuple(dict.fromkeys(map(text_of, any_of)))))
    if bounds:
        try:
            tests.append(Test(f"{META_NUMBER}.{name}", (), (_number_span(name, bounds),)))
        except ValueError:
            if not all(isinstance(value, str) for value in bounds.values()):
                raise
            tests.append(Test(f"{META_DATE}.{name}", (), (_date_span(bounds),)))
    return tuple(tests)
