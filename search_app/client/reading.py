"""From JSON to the frozen values, by their annotations."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from search_app.client.errors import UnexpectedAnswer

T = TypeVar("T")


def read(kind: type[T], data: object) -> T:
    """Make a `kind`, a dataclass, of decoded JSON; fields that it does not have are passed over.

    Raises `UnexpectedAnswer` where a field is missing that has no default, or has another type.
    """
    try:
        value: T = _value(kind, data)
    except TypeError as error:
        raise UnexpectedAnswer(f"this is not the answer of an image search service: {error}") from None
    return value


def _value(kind: Any, data: Any) -> Any:
    """Raises `TypeError` where `data` is no `kind`."""
    if is_dataclass(kind):
        return _dataclass(kind, data)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is UnionType:
        return _one_of(arguments, data)
    if origin is tuple:
        return _tuple(arguments, data)
    if origin is Mapping:
        return {name: _value(arguments[1], one) for name, one in _expect(dict, data).items()}
    return float(_expect((int, float), data)) if kind is float else _expect(kind, data)


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _dataclass(kind: Any, data: Any) -> Any:
    given, hints = _expect(dict, data), _hints(kind)
    return kind(
        **{each.name: _value(hints[each.name], given[each.name]) for each in fields(kind) if each.name in given}
    )


def _one_of(kinds: tuple[Any, ...], data: Any) -> Any:
    if data is None and type(None) in kinds:
        return None
    known = [kind for kind in kinds if kind is not type(None)]
    return _value(known[0], data) if len(known) == 1 else _expect(tuple(known), data)


def _tuple(kinds: tuple[Any, ...], data: Any) -> Any:
    items = _expect(list, data)
    if kinds[-1] is Ellipsis:
        return tuple(_value(kinds[0], one) for one in items)
    if len(items) != len(kinds):
        raise TypeError(f"{len(kinds)} values were expected, not {len(items)}")
    return tuple(map(_value, kinds, items))


def _expect(kind: Any, data: Any) -> Any:
    """`data`, if it is a `kind`. True and false are numbers to Python, but not to JSON."""
    kinds = kind if isinstance(kind, tuple) else (kind,)
    if not isinstance(data, kinds) or (isinstance(data, bool) and bool not in kinds):
        wanted = " or ".join(one.__name__ for one in kinds)
        raise TypeError(f"{wanted} was expected, not {type(data).__name__}")
    return data
