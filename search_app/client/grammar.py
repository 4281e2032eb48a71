"""What can be asked, as keyword arguments, and how it is written in a body.

Ranges are checked by the service alone, which names the parameter in a `ProblemError`.
"""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, TypedDict

from search_app.client.pictures import Picture, picture_bytes

WordsMode: TypeAlias = Literal["fused", "only", "off"]


class _Shared(TypedDict, total=False):
    limit: int
    """Most hits to give; 5 by default."""
    offset: int
    """Hits to pass over."""
    min_score: float | None
    """Leave out hits below this cosine similarity."""
    min_relevance: float | None
    """Leave out hits of a lower relevance; it ends at 0.5."""
    diversity: float
    """0: the best first; towards 1: pictures unlike those before them."""
    sort: str
    """Order of the relevant hits: `date`, `bytes`, `width`, `height`, `pixels`, `path`, `id`; `-date`: newest first."""
    words: WordsMode
    """Printed words together with the pictures, alone, or not at all."""
    understand: bool
    """Take "without ..." and a minus before a word as what they mean."""
    fold: bool
    """Copies of one picture are one hit."""
    like: Sequence[int]
    """Ids of pictures to be like."""
    unlike: Sequence[int]
    """Ids of pictures to be unlike."""


class Grammar(_Shared, total=False):
    """All options of `search`."""

    filter: Mapping[str, Any]
    """`{"colour": "red", "format": ["PNG", "WEBP"], "width": {"gte": 800}, "not": {"folder": "old"}}`."""
    facets: Sequence[str]
    """Fields by whose values the relevant pictures are counted."""
    terms: Sequence["Term"]
    """More to mix in, with weights."""
    image: Picture
    """A picture that hits should be like: a path, the bytes of a file, or an image of Pillow."""


class Question(Grammar, total=False):
    """One query of a batch with options of its own."""

    query: str


class ListGrammar(_Shared, total=False):
    """The options of `ids`. `words`, `understand` and `fold` are off there unless they are asked for."""

    filter: Sequence[str]
    """As in an address: `colour:red`, `width>=800`, `-format:GIF`."""


class ExplainGrammar(TypedDict, total=False):
    """The options of `explain`: those of the search whose hit is explained."""

    words: WordsMode
    understand: bool
    like: Sequence[int]
    unlike: Sequence[int]


@dataclass(frozen=True, slots=True)
class Term:
    """One more thing that pictures should be like, or unlike: just one of text, image and id."""

    text: str = ""
    image: Picture | None = field(default=None, repr=False)
    id: int | None = None
    weight: float = 1.0
    """How much it counts; below 0: less like this."""


def body_of(query: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON of a query; raises `OSError` where a picture cannot be read, `TypeError` for an unknown option."""
    body = {"query": query, **options_of(options, Grammar)}
    if "image" in body:
        body["image"] = _in_base64(body["image"])
    if "terms" in body:
        body["terms"] = [_term(term) for term in body["terms"]]
    return body


def options_of(options: Mapping[str, Any], grammar: type) -> dict[str, Any]:
    """The options that were given a value, sequences as lists; raises `TypeError` for one the grammar does not have.

    `GET /search` would ignore a misspelt one.
    """
    unknown = options.keys() - grammar.__annotations__.keys()
    if unknown:
        raise TypeError(f"there is no option {min(unknown)!r}; there are {', '.join(sorted(grammar.__annotations__))}")
    return {
        name: list(value) if isinstance(value, Sequence) and not isinstance(value, (str, bytes)) else value
        for name, value in options.items()
        if value is not None
    }


def _term(term: Term) -> dict[str, Any]:
    whole = {"text": term.text, "id": term.id, "weight": term.weight}
    given = {name: value for name, value in whole.items() if value not in {None, ""}}
    return given if term.image is None else {**given, "image": _in_base64(term.image)}


def _in_base64(picture: Picture) -> str:
    return b64encode(picture_bytes(picture)).decode("ascii")
