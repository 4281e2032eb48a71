"""Answers to queries, as they come back over HTTP."""

from typing import Any, Literal, Self

from pydantic import BaseModel, Field

from search_app.search.explain import Explanation
from search_app.search.results import Hit, SearchResult, Timings
from search_app.words.matching import MatchedWord

BoxOut = tuple[float, float, float, float]
"""Left, top, right, bottom as shares of the picture's width and height."""


class ScoredId(BaseModel):
    """One entry of the bare list."""

    id: int = Field(examples=[1124])
    score: float = Field(description="Cosine similarity as the model gives it", examples=[0.28792995])


class WordsOut(BaseModel):
    """A line of print that is in the query too."""

    text: str = Field(description="The whole line, as it was read")
    box: BoxOut | None = Field(description="Of the line, as shares of the picture; null where nobody knows")
    by: Literal["form", "meaning"]
    spans: list[tuple[int, int]] = Field(description="The characters of `text` that match")
    span_boxes: list[BoxOut] = Field(description="Where they are in the picture")

    @classmethod
    def of(cls, word: MatchedWord) -> Self:
        """The same in the form of the interface."""
        return cls(text=word.text, box=word.box, by=word.by, spans=list(word.spans), span_boxes=list(word.span_boxes))


class HitOut(ScoredId):
    """One picture that was found."""

    relevance: float = Field(description="0 to 1; at 0.5 relevance ends", examples=[0.93])
    path: str = Field(description="Relative to the indexed folder", examples=["cars/1124.jpg"])
    url: str = Field(description="The picture itself", examples=["/images/1124"])
    thumbnail_url: str = Field(examples=["/images/1124/thumbnail"])
    width: int = Field(description="Pixels")
    height: int = Field(description="Pixels")
    by: Literal["image", "meaning", "form"] = Field(
        description="What brought it: the picture, or its printed words by what they mean or by how they are written"
    )
    evidence: dict[Literal["image", "meaning", "form"], float] = Field(description="What each of them says for it")
    words: list[WordsOut] = Field(description="Printed words that are in the query too")
    copies: list[int] = Field(description="Ids of copies of this picture that are folded into it")

    @classmethod
    def of(cls, hit: Hit, root: str) -> "HitOut":
        """The hit with the addresses of its pictures below `root`, the path a proxy serves this application at."""
        url = f"{root}/images/{hit.id}"
        return cls(
            id=hit.id,
            score=hit.score,
            relevance=hit.relevance,
            path=hit.path,
            url=url,
            thumbnail_url=f"{url}/thumbnail",
            width=hit.width,
            height=hit.height,
            by=max(hit.evidence, key=lambda channel: hit.evidence[channel]),
            evidence=dict(hit.evidence),
            words=[WordsOut.of(word) for word in hit.words],
            copies=list(hit.copies),
        )


class SimilarAnswer(BaseModel):
    """Neighbours of one picture, best first."""

    hits: list[HitOut]
    no_match: bool = Field(description="Nothing is relevant; the nearest pictures are given all the same")
    model: str = Field(examples=["lite"])
    collection: str
    generation: int = Field(description="Grows with every change of the index; one generation gives one answer")
    took_ms: Timings

    @classmethod
    def of(cls, result: SearchResult, root: str, **more: Any) -> Self:
        """The result in the form of the interface."""
        return cls(
            hits=[HitOut.of(hit, root) for hit in result.hits],
            no_match=result.no_match,
            model=result.model,
            collection=result.collection,
            generation=result.generation,
            took_ms=result.took_ms,
            **more,
        )


class UnderstoodOut(BaseModel):
    """How the text was taken; ask with `understand: false` to have it taken as it stands."""

    text: str = Field(description="What the pictures should show")
    without: list[str] = Field(description="What they should not show")


class FacetOut(BaseModel):
    """How many relevant pictures have a value."""

    value: str | int | float | bool
    count: int


class SearchAnswer(SimilarAnswer):
    """Hits, best first, and what they came from."""

    query: str = Field(description="The text of the query without what no model reads")
    understood: UnderstoodOut
    relevant: int = Field(description="Relevant pictures among those that were looked at closely, a few hundred")
    facets: dict[str, list[FacetOut]] | None = Field(description="Of the relevant pictures, where asked for")

    @classmethod
    def of_query(cls, result: SearchResult, root: str, query: str) -> Self:
        """The result in the form of the interface."""
        counts = None
        if result.facets is not None:
            counts = {
                name: [FacetOut(value=value, count=count) for value, count in values]
                for name, values in result.facets.items()
            }
        return cls.of(
            result,
            root,
            query=query,
            understood=UnderstoodOut(text=result.understood.text, without=list(result.understood.without)),
            relevant=result.relevant,
            facets=counts,
        )


class TermOut(BaseModel):
    """What one term of the query says for a picture."""

    kind: Literal["text", "image", "id"]
    text: str = Field(description="Empty for pictures")
    id: int | None
    weight: float
    evidence: dict[Literal["image", "meaning", "form"], float]


class HeatOut(BaseModel):
    """Where in the picture the match lies: 1 is its hottest cell, 0 the coldest."""

    rows: int
    columns: int
    cells: list[list[float]]


class ExplanationOut(BaseModel):
    """Why a picture is an answer."""

    id: int
    score: float
    relevance: float
    terms: list[TermOut]
    words: list[WordsOut]
    heat: HeatOut | None = Field(description="Null where only printed words were asked for")

    @classmethod
    def of(cls, found: Explanation) -> Self:
        """The same in the form of the interface."""
        heat = None
        if found.heat is not None:
            rows, columns = found.heat.heat.shape
            cells = [[round(float(cell), 3) for cell in row] for row in found.heat.heat]
            heat = HeatOut(rows=rows, columns=columns, cells=cells)
        return cls(
            id=found.id,
            score=found.score,
            relevance=found.relevance,
            terms=[
                TermOut(
                    kind=share.term.kind,
                    text=share.term.text,
                    id=share.term.id,
                    weight=share.term.weight,
                    evidence=dict(share.evidence),
                )
                for share in found.terms
            ],
            words=[WordsOut.of(word) for word in found.words],
            heat=heat,
        )


class BatchAnswer(BaseModel):
    """An answer to each query, in their order."""

    answers: list[SearchAnswer]
