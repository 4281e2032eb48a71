"""What the tools give an assistant. Every answer begins with a sentence that can be repeated to a person."""

from typing import Self

from pydantic import BaseModel, Field

from search_app.client import Explanation, FacetCount, Hit, Info, SearchAnswer, SimilarAnswer
from search_app.mcp.places import place_of

LINE = 0.5
"""Of relevance: below it a picture is rather not what was asked for."""


class FoundPicture(BaseModel):
    """One picture."""

    id: int = Field(description="To be used with the other tools")
    path: str = Field(description="File below the indexed folder")
    relevance: float = Field(description="0 to 1, comparable between searches; below 0.5 it is rather not a match")
    is_match: bool = Field(description="Whether relevance reaches 0.5")
    width: int
    height: int
    found_by: str = Field(description="image: what it shows; form or meaning: the words printed in it")
    printed_words: list[str] = Field(description="Lines printed in the picture that match the search")
    copies: list[int] = Field(description="Ids of other copies of the same picture")

    @classmethod
    def of(cls, hit: Hit) -> Self:
        """A hit in an assistant's words."""
        return cls(
            id=hit.id,
            path=hit.path,
            relevance=hit.relevance,
            is_match=hit.relevance >= LINE,
            width=hit.width,
            height=hit.height,
            found_by=hit.by,
            printed_words=[line.text for line in hit.words],
            copies=list(hit.copies),
        )


class Found(BaseModel):
    """Pictures, best first unless another order was asked for."""

    summary: str = Field(description="What was found, in one or two sentences")
    no_match: bool = Field(description="True: nothing fits; the pictures below are only the nearest there are")
    matches: int = Field(
        description="How many match: of a search all that were looked at closely, else of those listed"
    )
    pictures: list[FoundPicture]

    @classmethod
    def of_search(cls, answer: SearchAnswer) -> Self:
        """The answer to a search."""
        summary = _told(answer)
        if answer.understood and answer.understood.without:
            without = ", ".join(answer.understood.without)
            summary += f" The search was taken as {answer.understood.text!r} without {without}."
        pictures = [FoundPicture.of(hit) for hit in answer.hits]
        return cls(summary=summary, no_match=answer.no_match, matches=answer.relevant, pictures=pictures)

    @classmethod
    def of_similar(cls, answer: SimilarAnswer) -> Self:
        """The neighbours of a picture."""
        pictures = [FoundPicture.of(hit) for hit in answer.hits]
        matches = sum(picture.is_match for picture in pictures)
        summary = f"{matches} of the {len(pictures)} pictures listed are much like it; the most alike come first."
        if not matches:
            summary = (
                f"NO MATCH: no other picture is much like it; the nearest {len(pictures)} are listed all the same."
            )
        return cls(summary=summary, no_match=answer.no_match, matches=matches, pictures=pictures)


def _told(answer: SearchAnswer) -> str:
    if not answer.hits:
        return "NO MATCH: no picture was found: none fits, none passes the filter, or there are none."
    if answer.no_match:
        return (
            "NO MATCH: no picture in this collection fits. The nearest ones are listed all the same, but they are "
            "probably not what was asked for; say so rather than present them as results."
        )
    fitting = sum(hit.relevance >= LINE for hit in answer.hits)
    shown = f"{len(answer.hits)} are listed" if len(answer.hits) > 1 else "1 is listed"
    doubtful = len(answer.hits) - fitting
    rest = f"; of these {doubtful} rather do not match (is_match is false)" if doubtful else ""
    return f"{answer.relevant} matching {'picture' if answer.relevant == 1 else 'pictures'}; {shown}{rest}."


class ValueCount(BaseModel):
    """One value of a field."""

    value: str | int | float | bool
    pictures: int


class Counted(BaseModel):
    """How the matching pictures divide."""

    summary: str
    matches: int
    counts: dict[str, list[ValueCount]] = Field(description="For each field its values, most frequent first")

    @classmethod
    def of(cls, answer: SearchAnswer) -> Self:
        """The counts of a search."""

        def listed(values: tuple[FacetCount, ...]) -> list[ValueCount]:
            return [ValueCount(value=each.value, pictures=each.count) for each in values]

        counts = {name: listed(values) for name, values in (answer.facets or {}).items()}
        told = "NO MATCH: no picture fits, so there is nothing to count." if answer.no_match else ""
        summary = told or f"{answer.relevant} matching pictures, counted by {', '.join(counts)}."
        return cls(summary=summary, matches=answer.relevant, counts=counts)


class TermSays(BaseModel):
    """What one part of the search says for the picture."""

    term: str
    weight: float = Field(description="Below 0: the picture should not be like this")
    evidence: dict[str, float] = Field(description="By image, and by printed words (form, meaning); above 0 is for it")


class Explained(BaseModel):
    """Why a picture is, or is not, a match."""

    summary: str
    relevance: float
    is_match: bool
    terms: list[TermSays]
    printed_words: list[str]

    @classmethod
    def of(cls, found: Explanation) -> Self:
        """An explanation in an assistant's words."""
        is_match = found.relevance >= LINE
        summary = f"Picture {found.id} {'matches' if is_match else 'does not match'}: relevance {found.relevance:.2f}."
        place = place_of(found.heat.cells) if found.heat else None
        if place:
            summary += f" What it shows fits best {place}; that says where, not how well."
        words = [line.text for line in found.words]
        if words:
            summary += f" Printed in it: {'; '.join(words)}."
        terms = [
            TermSays(term=each.text or f"picture {each.id}", weight=each.weight, evidence=dict(each.evidence or {}))
            for each in found.terms
        ]
        return cls(summary=summary, relevance=found.relevance, is_match=is_match, terms=terms, printed_words=words)


class Collection(BaseModel):
    """What can be searched."""

    summary: str
    pictures: int | None
    folder: str | None
    collection: str | None
    model: str

    @classmethod
    def of(cls, info: Info) -> Self:
        """The facts about a service."""
        if info.count is None:
            summary = "Nothing can be searched yet: `python -m search_app index FOLDER` indexes a folder of pictures."
        else:
            summary = f"{info.count} pictures of the folder {info.folder!r} can be searched."
        return cls(
            summary=summary, pictures=info.count, folder=info.folder, collection=info.collection, model=info.model
        )
