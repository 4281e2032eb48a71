"""What may be asked over HTTP; ranges are in OpenAPI here and enforced by `search.query` alone."""

import binascii
from base64 import b64decode
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from search_app.errors import BadRequest
from search_app.search.filters import filter_of_object, filter_of_text
from search_app.search.query import (
    DEFAULT_LIMIT,
    MAX_CONDITIONS,
    MAX_FACETS,
    MAX_OFFSET,
    MAX_TERMS,
    MAX_TEXT_LENGTH,
    MAX_WEIGHT,
    SORTABLE,
    SearchQuery,
    Term,
)

MAX_BATCH = 32
_MAX_ADDRESS = 2_000
_NOTHING_FETCHED: Mapping[str, bytes] = MappingProxyType({})
_SHARE: dict[str, Any] = {"minimum": 0, "maximum": 1}


class Options(BaseModel):
    """What a query string and a body have in common."""

    query: str = Field(
        "",
        description="What the pictures should show, in words",
        examples=["car"],
        json_schema_extra={"maxLength": MAX_TEXT_LENGTH},
    )
    limit: int = Field(DEFAULT_LIMIT, description="Most hits to give", json_schema_extra={"minimum": 1})
    offset: int = Field(
        0, description="Hits to pass over: the next page", json_schema_extra={"minimum": 0, "maximum": MAX_OFFSET}
    )
    min_score: float | None = Field(
        None, description="Leave out hits below this cosine similarity", json_schema_extra={"minimum": -1, "maximum": 1}
    )
    min_relevance: float | None = Field(
        None, description="Leave out hits of a lower relevance; it ends at 0.5", json_schema_extra=_SHARE
    )
    diversity: float = Field(
        0.0, description="0: the best first; towards 1: pictures unlike those before them", json_schema_extra=_SHARE
    )
    sort: str = Field(
        "",
        description=f"Order of the relevant hits by {', '.join(SORTABLE)}; a - before it turns it round",
        examples=["-date"],
    )

    def _query(self, **more: Any) -> SearchQuery:
        return SearchQuery(
            text=self.query,
            limit=self.limit,
            offset=self.offset,
            min_score=self.min_score,
            min_relevance=self.min_relevance,
            diversity=self.diversity,
            sort=self.sort,
            **more,
        )


class SearchParameters(Options):
    """What may be asked in a query string. Only pictures are compared unless `words` says otherwise."""

    words: Literal["fused", "only", "off"] = Field(
        "off", description="Printed words together with the pictures, alone, or not at all"
    )
    understand: bool = Field(
        default=False, description='Take "without ..." and a minus before a word as what they mean'
    )
    fold: bool = Field(default=False, description="Copies of one picture are one hit")
    filter: list[str] = Field(
        [],
        description="Only pictures with this; may be repeated",
        examples=["colour:red", "width>=800", "-format:GIF"],
        max_length=MAX_CONDITIONS,
    )
    like: list[int] = Field([], description="Ids of pictures to be like", max_length=MAX_TERMS)
    unlike: list[int] = Field([], description="Ids of pictures to be unlike", max_length=MAX_TERMS)

    def to_query(self) -> SearchQuery:
        """The same question in the product's own words."""
        return self._query(
            words=self.words,
            understand=self.understand,
            fold=self.fold,
            where=tuple(map(filter_of_text, self.filter)),
            terms=_liked(self.like, self.unlike),
        )


class ExplainParameters(BaseModel):
    """What a picture is an answer to, in a query string; as in `POST /search`."""

    query: str = Field("", json_schema_extra={"maxLength": MAX_TEXT_LENGTH}, examples=["car"])
    words: Literal["fused", "only", "off"] = "fused"
    understand: bool = True
    like: list[int] = Field([], description="Ids of pictures to be like", max_length=MAX_TERMS)
    unlike: list[int] = Field([], description="Ids of pictures to be unlike", max_length=MAX_TERMS)

    def to_query(self) -> SearchQuery:
        """The same question in the product's own words."""
        terms = _liked(self.like, self.unlike)
        return SearchQuery(self.query, words=self.words, understand=self.understand, terms=terms)


class TermIn(BaseModel):
    """One more thing that pictures should be like, or unlike: just one of text, image, url and id."""

    model_config = ConfigDict(extra="forbid", strict=True)

    text: str = Field("", json_schema_extra={"maxLength": MAX_TEXT_LENGTH})
    image: str | None = Field(None, description="A picture file in base64")
    url: str | None = Field(
        None, description="Address of a picture on the internet; needs SEARCH_FETCH_URLS=on", max_length=_MAX_ADDRESS
    )
    id: int | None = Field(None, description="Id of an image, as searches give it")
    weight: float = Field(
        1.0,
        description="How much it counts; below 0: less like this",
        json_schema_extra={"minimum": -MAX_WEIGHT, "maximum": MAX_WEIGHT},
    )

    def to_term(self, fetched: Mapping[str, bytes]) -> Term:
        """The same in the product's own words; `fetched` has the picture at each address."""
        if self.url is not None:
            return Term(image=fetched[self.url], weight=self.weight)
        return Term(self.text, None if self.image is None else _decoded(self.image), self.id, self.weight)


class SearchBody(Options):
    """The whole grammar; an unknown field is refused, so that a misspelt option is not lost in silence."""

    model_config = ConfigDict(extra="forbid", strict=True)

    image: str | None = Field(None, description="A picture file in base64 that hits should be like")
    image_url: str | None = Field(
        None,
        description="Address of a picture on the internet that hits should be like; needs SEARCH_FETCH_URLS=on",
        max_length=_MAX_ADDRESS,
    )
    terms: list[TermIn] = Field([], description="More to mix in, with weights", max_length=MAX_TERMS)
    like: list[int] = Field([], description="Ids of pictures to be like", max_length=MAX_TERMS)
    unlike: list[int] = Field([], description="Ids of pictures to be unlike", max_length=MAX_TERMS)
    words: Literal["fused", "only", "off"] = Field(
        "fused", description="Printed words together with the pictures, alone, or not at all"
    )
    understand: bool = Field(default=True, description='Take "without ..." and a minus before a word as what they mean')
    fold: bool = Field(default=True, description="Copies of one picture are one hit")
    filter: dict[str, JsonValue] = Field(
        {},
        description="Only pictures that pass all of it: a value, a list of values, or bounds for each field, and `not`",
        examples=[{"colour": "red", "width": {"gte": 800}, "not": {"format": "GIF"}}],
    )
    facets: list[str] = Field(
        [], description="Count the relevant hits by the values of these fields", max_length=MAX_FACETS
    )

    def addresses(self) -> dict[str, str]:
        """The parameters that hold addresses of pictures, with these; raises `BadRequest` for a term of two things."""
        found = {} if self.image_url is None else {"image_url": self.image_url}
        for number, term in enumerate(self.terms):
            if term.url is None:
                continue
            if term.text or term.image is not None or term.id is not None:
                raise BadRequest("a term has just one of text, image, url and id", "terms")
            found[f"terms.{number}.url"] = term.url
        return found

    def to_query(self, *pictures: bytes, fetched: Mapping[str, bytes] = _NOTHING_FETCHED) -> SearchQuery:
        """The same question in the product's own words.

        `pictures` are files that came beside it; `fetched` has the picture at each of its `addresses`.
        """
        sent = [*pictures, *([] if self.image is None else [_decoded(self.image)])]
        sent += [] if self.image_url is None else [fetched[self.image_url]]
        return self._query(
            words=self.words,
            understand=self.understand,
            fold=self.fold,
            where=filter_of_object(self.filter),
            facets=tuple(self.facets),
            terms=(
                *(Term(image=data) for data in sent),
                *(term.to_term(fetched) for term in self.terms),
                *_liked(self.like, self.unlike),
            ),
        )


class BatchBody(BaseModel):
    """Many queries at once."""

    model_config = ConfigDict(extra="forbid", strict=True)

    queries: list[SearchBody] = Field(min_length=1, max_length=MAX_BATCH)

    def addresses(self) -> dict[str, str]:
        """The parameters of all queries that hold addresses of pictures, with these."""
        return {
            f"queries.{number}.{parameter}": address
            for number, query in enumerate(self.queries)
            for parameter, address in query.addresses().items()
        }


def _liked(like: list[int], unlike: list[int]) -> tuple[Term, ...]:
    return (*(Term(id=number) for number in like), *(Term(id=number, weight=-1) for number in unlike))


def _decoded(text: str) -> bytes:
    """Base64, also as a data URL."""
    if text.startswith("data:"):
        text = text.partition(",")[2]
    try:
        return b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise BadRequest("the picture is not in base64", "image") from None
