"""Names on a server: physical collections, and the aliases that point to them.

    NAME__000001, NAME__000002   the generations of collection NAME that were loaded apart
    NAME          ->             what answers for NAME: its collection's own, or where NAME is an alias another's
    NAME__own     ->             the one of NAME's own collection, while an alias of that name stands before it
    NAME__before_01, ..._02 ->   what alias NAME stood for before, the latest first

The server moves several of them in one step, and forgets those that point to a collection that is removed.
"""

import re
from collections.abc import Mapping, Sequence

from search_app.index.aliases import Aliases

_PHYSICAL = re.compile(r"(.+)__(\d{6,})")
_BEFORE = re.compile(r"(.+)__before_(\d{2,})")
_OWN = "__own"

Pointers = Mapping[str, str]
"""The server's aliases: name to physical collection."""


def physical(collection: str, number: int) -> str:
    """The name of the physical collection of this number."""
    return f"{collection}__{number:06d}"


def number_of(collection: str, name: str | None) -> int:
    """The number of a physical collection of this one; 0 for any other name."""
    match = re.fullmatch(re.escape(collection) + r"__(\d{6,})", name or "")
    return int(match[1]) if match else 0


def collection_of(name: str) -> str | None:
    """The collection that a physical one belongs to; None for a name that was not given here."""
    match = _PHYSICAL.fullmatch(name)
    return match[1] if match else None


def current(pointers: Pointers, collection: str) -> str | None:
    """The physical collection that holds `collection` now; one that was named by hand counts too."""
    own = pointers.get(collection + _OWN) or pointers.get(collection)
    return own if own and collection_of(own) in (None, collection) else None


def aliases_of(pointers: Pointers) -> Aliases:
    """The product's aliases among the server's."""
    stands: dict[str, list[str]] = {}
    for name in sorted(pointers):
        collection = collection_of(pointers[name])
        former = _BEFORE.fullmatch(name)
        if collection is None or name.endswith(_OWN):
            continue
        if former:
            stands.setdefault(former[1], [former[1]]).append(collection)
        elif collection != name:
            stands[name] = [collection]
    return Aliases(stands)


def published(pointers: Pointers, collection: str, name: str) -> dict[str, str]:
    """The pointers to set so that `name` holds `collection` from now on, for all that stands or stood for it."""
    former = current(pointers, collection)
    moved = {to for to, target in pointers.items() if target == former or collection_of(target) == collection}
    taken = collection in pointers and former is None
    moved.add(collection + _OWN if taken or collection + _OWN in pointers else collection)
    return {pointer: name for pointer in sorted(moved) if pointers.get(pointer) != name}


def pointing(pointers: Pointers, alias: str, names: Sequence[str]) -> dict[str, str]:
    """All pointers of an alias that stands for the first of `names` and stood for the others before."""
    own, target = current(pointers, alias), current(pointers, names[0])
    former = [current(pointers, name) for name in names[1:]]
    wanted = {
        alias + _OWN: own if names[0] != alias else None,
        **{f"{alias}__before_{place:02d}": one for place, one in enumerate(former, 1)},
        alias: target,
    }
    return {pointer: one for pointer, one in wanted.items() if one is not None}


def owned_by(pointers: Pointers, alias: str) -> list[str]:
    """The pointers there are of an alias and of what it stood for."""
    return [
        name
        for name in pointers
        if name in (alias, alias + _OWN) or ((former := _BEFORE.fullmatch(name)) and former[1] == alias)
    ]
