"""From JSON to the frozen values, by their annotations."""

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from types import UnionType
from typing import Any, TypeAlias, TypeVar, get_args, get_origin, get_type_hints

from search_app.client.errors import UnexpectedAnswer

T = TypeVar("T")
Reader: TypeAlias = Callable[[Any], Any]
"""Makes a value of decoded JSON; raises `TypeError` where that is something else."""


def read(kind: type[T], data: object) -> T:
    """Make a `kind`, a dataclass, of decoded JSON; fields that it does not have are passed over.

    Raises `UnexpectedAnswer` where a field is missing that has no default, or has another type.
    """
    annotation: Any = kind
    try:
        value: T = _reader(annotation)(data)
    except TypeError as error:
        raise UnexpectedAnswer(f"this is not the answer of an image search service: {error}") from None
    return value


@cache
def _reader(kind: Any) -> Reader:
    """The reader of a kind, put together once."""
    if is_dataclass(kind):
        return _of_dataclass(kind)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is UnionType:
        return _of_union(arguments)
    if origin is tuple:
        return _of_tuple(arguments)
    if origin is Mapping:
        items, one = _of_plain(dict), _reader(arguments[1])
        return lambda data: {name: one(value) for name, value in items(data).items()}
    if kind is float:
        number = _of_plain(int, float)
        return lambda data: float(number(data))
    return _of_plain(kind)


def _of_dataclass(kind: Any) -> Reader:
    whole, hints = _of_plain(dict), get_type_hints(kind)
    readers = [(each.name, _reader(hints[each.name])) for each in fields(kind)]

    def read_it(data: Any) -> Any:
        given = whole(data)
        return kind(**{name: reader(given[name]) for name, reader in readers if name in given})

    return read_it


def _of_union(kinds: tuple[Any, ...]) -> Reader:
    """None or one other kind, or one of several plain ones."""
    known = [kind for kind in kinds if kind is not type(None)]
    reader = _reader(known[0]) if len(known) == 1 else _of_plain(*known)
    if len(known) == len(kinds):
        return reader
    return lambda data: None if data is None else reader(data)


def _of_tuple(kinds: tuple[Any, ...]) -> Reader:
    whole = _of_plain(list)
    if kinds[-1] is Ellipsis:
        one = _reader(kinds[0])
        return lambda data: tuple([one(value) for value in whole(data)])
    readers = [_reader(kind) for kind in kinds]

    def read_it(data: Any) -> Any:
        items = whole(data)
        if len(items) != len(readers):
            raise TypeError(f"{len(readers)} values were expected, not {len(items)}")
        return tuple(reader(value) for reader, value in zip(readers, items, strict=True))

    return read_it


def _of_plain(*kinds: type) -> Reader:
    """Of values that JSON has itself. True and false are numbers to Python, but not to JSON."""
    wanted = " or ".join(kind.__name__ for kind in kinds)

    def read_it(data: Any) -> Any:
        if not isinstance(data, kinds) or (isinstance(data, bool) and bool not in kinds):
            raise TypeError(f"{wanted} was expected, not {type(data).__name__}")
        return data

    return read_it
