"""The grammar of a query: what may be asked, and the one place where that is checked."""

import math
import unicodedata
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias, get_args

from search_app.datatypes import Condition
from search_app.errors import BadRequest
from search_app.index.conditions import counted_key, resolve

WordsMode: TypeAlias = Literal["fused", "only", "off"]
"""Pictures and the words printed in them together, the printed words alone, or the pictures alone."""

MAX_TEXT_LENGTH = 2_000
"""Characters; every text tower reads far fewer."""
MAX_OFFSET = 100_000
MAX_TERMS = 16
MAX_WEIGHT = 10.0
MAX_CONDITIONS = 32
MAX_VALUES = 1_000
"""Of all conditions together."""
MAX_FACETS = 8
DEFAULT_LIMIT = 5
SORTABLE = ("date", "bytes", "width", "height", "pixels", "path", "id")
"""What hits can be sorted by; a `-` before it turns the order round."""


@dataclass(frozen=True, slots=True)
class Term:
    """One part of what is asked for: words, or a picture that is sent along, or one of the index."""

    text: str = ""
    image: bytes | None = field(default=None, repr=False)
    """A picture file."""
    id: int | None = None
    weight: float = 1.0
    """How much it counts beside other terms; below 0: less like this."""

    @property
    def kind(self) -> Literal["text", "image", "id"]:
        """What it is made of."""
        return "image" if self.image is not None else "id" if self.id is not None else "text"


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """What a caller asks, as it was asked; `validated` turns it into something that can be answered."""

    text: str = ""
    """Words; with `understand` they may hold terms to leave out: `car -red`, `a street without people`."""
    limit: int = DEFAULT_LIMIT
    offset: int = 0
    min_score: float | None = None
    """Hits with a lower cosine similarity are left out."""
    min_relevance: float | None = None
    """Hits of a lower relevance are left out."""
    terms: tuple[Term, ...] = ()
    """More that the pictures should be like, or unlike."""
    words: WordsMode = "fused"
    understand: bool = True
    """Whether "without", "no" and a minus in `text` are taken as what they mean."""
    where: tuple[Condition, ...] = ()
    """Only pictures are looked at that pass all of these."""
    facets: tuple[str, ...] = ()
    """Fields by whose values the relevant pictures are counted."""
    diversity: float = 0.0
    """0: the best first, whatever it is like; towards 1: pictures unlike those before them."""
    sort: str = ""
    """Order of the relevant hits by a field (`date`, `-date`); empty: the best first."""
    fold: bool = False
    """Whether copies of one picture count as one hit."""

    def validated(self, max_limit: int) -> "SearchQuery":
        """The same query with normalised text.

        Raises `BadRequest` naming the parameter that is wrong and what it accepts.
        """
        query = replace(self, text=normalised(self.text), terms=tuple(map(_checked_term, self.terms)))
        if not query.text and not any(term.weight > 0 for term in query.terms):
            raise BadRequest("the query is empty: say in words what the pictures should show", "query")
        if len(query.text) > MAX_TEXT_LENGTH:
            raise BadRequest(f"the query has {len(query.text)} characters; at most {MAX_TEXT_LENGTH} are read", "query")
        if len(query.terms) > MAX_TERMS:
            raise BadRequest(f"{len(query.terms)} terms were given; at most {MAX_TERMS} are compared", "terms")
        if query.words not in get_args(WordsMode):
            raise BadRequest("words is one of fused, only, off", "words")
        check_limit(query.limit, max_limit)
        if not 0 <= query.offset <= MAX_OFFSET:
            raise BadRequest(f"offset must be between 0 and {MAX_OFFSET}", "offset")
        if query.min_score is not None and not (math.isfinite(query.min_score) and -1 <= query.min_score <= 1):
            raise BadRequest("min_score is a cosine similarity: a number between -1 and 1", "min_score")
        _check_share(query.min_relevance, "min_relevance")
        _check_share(query.diversity, "diversity")
        if query.sort and query.sort.removeprefix("-") not in SORTABLE:
            raise BadRequest(f"sort is one of {', '.join(SORTABLE)}, with a - before it for the other way", "sort")
        _check_filters(query)
        return query


def check_limit(limit: int, max_limit: int) -> None:
    """Raise `BadRequest` where a number of hits is not between 1 and `max_limit`."""
    if not 1 <= limit <= max_limit:
        raise BadRequest(f"limit must be between 1 and {max_limit}", "limit")


def normalised(text: str) -> str:
    """Text without control characters and lone surrogates, which tokenizers refuse, and with single spaces."""
    kept = "".join(" " if unicodedata.category(character) in {"Cc", "Cs"} else character for character in text)
    return " ".join(kept.split())


def _check_share(value: float | None, parameter: str) -> None:
    if value is not None and not (math.isfinite(value) and 0 <= value <= 1):
        raise BadRequest(f"{parameter} is a number between 0 and 1", parameter)


def _checked_term(term: Term) -> Term:
    text = normalised(term.text)
    given = [bool(text), term.image is not None, term.id is not None]
    if sum(given) != 1:
        raise BadRequest("a term has just one of text, image and id", "terms")
    if len(text) > MAX_TEXT_LENGTH:
        raise BadRequest(f"a term has {len(text)} characters; at most {MAX_TEXT_LENGTH} are read", "terms")
    if term.id is not None and not 1 <= term.id < 2**63:
        raise BadRequest(f"no image has id {term.id}", "terms")
    if not (math.isfinite(term.weight) and 0 < abs(term.weight) <= MAX_WEIGHT):
        raise BadRequest(f"a weight lies between -{MAX_WEIGHT:g} and {MAX_WEIGHT:g} and is not 0", "terms")
    return replace(term, text=text)


def _check_filters(query: SearchQuery) -> None:
    if len(query.where) > MAX_CONDITIONS:
        raise BadRequest(f"{len(query.where)} conditions were given; at most {MAX_CONDITIONS} are tested", "filter")
    values = sum(len(condition.any_of) for condition in query.where)
    if values > MAX_VALUES:
        raise BadRequest(f"{values} values were given to filter by; at most {MAX_VALUES} are compared", "filter")
    if len(query.facets) > MAX_FACETS:
        raise BadRequest(f"{len(query.facets)} facets were asked for; at most {MAX_FACETS} are counted", "facets")
    for parameter, check in (
        ("filter", lambda: resolve(query.where)),
        ("facets", lambda: [counted_key(name) for name in query.facets]),
    ):
        try:
            check()
        except ValueError as error:
            raise BadRequest(str(error), parameter) from None
