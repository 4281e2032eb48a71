"""Which names stand for which collections, and stood for before: a value; the back ends keep it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from types import MappingProxyType

from search_app.datatypes import COLLECTION_NAME
from search_app.errors import BadRequest

DEPTH = 10
"""How many switches of an alias can be undone."""
_NAME = re.compile(COLLECTION_NAME)
_RESERVED = "__"
"""On a server what stands behind it tells generations, locks and former targets apart."""


@dataclass(frozen=True, slots=True)
class Aliases:
    """For each alias the collections it stands and stood for: now first, then before, the latest first."""

    stands: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Keep it in one form: nothing twice in a row, nothing that says only that a name stands for itself."""
        once = {alias: tuple(name for name, _ in groupby(names)) for alias, names in self.stands.items()}
        kept = {alias: names[: DEPTH + 1] for alias, names in sorted(once.items()) if set(names) - {alias}}
        object.__setattr__(self, "stands", MappingProxyType(kept))

    def resolve(self, name: str) -> str:
        """The collection a name stands for: itself where it is no alias."""
        return self.stands.get(name, (name,))[0]

    def current(self) -> dict[str, str]:
        """The collection that each alias stands for; a name that stands for itself is no alias."""
        return {alias: names[0] for alias, names in self.stands.items() if names[0] != alias}

    def before(self, alias: str) -> Sequence[str]:
        """What it stood for before, the latest first."""
        return self.stands.get(alias, ())[1:]

    def switched(self, alias: str, collection: str, *, forget: bool = False) -> "Aliases":
        """With `alias` standing for `collection`; what it stood for is remembered unless it is to `forget` that."""
        former = self.before(alias) if forget else (self.resolve(alias), *self.before(alias))
        return self._with(alias, (collection, *former))

    def gone_back(self, alias: str) -> "Aliases":
        """With the last switch undone."""
        return self._with(alias, self.before(alias))

    def without(self, alias: str) -> "Aliases":
        """With the name standing for itself, and what it stood for forgotten."""
        return self._with(alias, ())

    def after_drop(self, collection: str) -> "Aliases":
        """With nothing that stood for a collection before going back to it any more."""
        left = {
            alias: (names[0], *(name for name in names[1:] if name != collection))
            for alias, names in self.stands.items()
        }
        return Aliases(left)

    def _with(self, alias: str, names: Sequence[str]) -> "Aliases":
        return Aliases({**self.stands, alias: names})


def check_alias(name: str) -> None:
    """Raise `BadRequest` for a name that no alias can have."""
    if not _NAME.fullmatch(name) or _RESERVED in name:
        raise BadRequest(
            f"{name!r} cannot be the name of an alias: up to 64 letters, digits, '.', '-' and single '_' can, "
            f"the first a letter or a digit",
            "alias",
        )


def is_name(name: str) -> bool:
    """Whether a collection can be called so."""
    return _NAME.fullmatch(name) is not None
