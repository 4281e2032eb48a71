"""Which collection a path is about: `/collections/NAME/search` is `/search` of that one, and so for all it answers."""

from dataclasses import dataclass

PREFIX = "/collections"
PARAMETER = "collection"
_JUDGING = "/judgements"
_ABOUT = ("/search", "/images", _JUDGING)
_EXACTLY = frozenset({"/info", "/readyz"})


@dataclass(frozen=True, slots=True)
class Asked:
    """A path taken apart."""

    collection: str | None
    """The name in the path; None where it names none, and then it is about the service's own."""
    prefix: str
    """The part that names the collection."""
    rest: str
    """What is asked of it."""

    @property
    def is_judging(self) -> bool:
        """Whether it is about judgements, which name pictures of all collections."""
        return self.rest.startswith(_JUDGING)


def asked_of(path: str) -> Asked | None:
    """What a path asks of which collection; None for one that is about no collection, or about nothing there is."""
    if not path.startswith(f"{PREFIX}/"):
        return Asked(None, "", path) if is_about_a_collection(path) else None
    name, slash, rest = path.removeprefix(f"{PREFIX}/").partition("/")
    if not (name and is_about_a_collection(slash + rest)):
        return None
    return Asked(name, f"{PREFIX}/{name}", slash + rest)


def is_about_a_collection(path: str) -> bool:
    """Whether one collection answers this, and every other one would in its own way."""
    return path in _EXACTLY or any(path == about or path.startswith(f"{about}/") for about in _ABOUT)
