"""What the service answers.

Fields that a newer service adds are passed over; those that an older one may lack have defaults.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

Box: TypeAlias = tuple[float, float, float, float]
"""Left, top, right, bottom as shares of the picture's width and height."""
FacetValue: TypeAlias = str | int | float | bool


@dataclass(frozen=True, slots=True)
class ScoredId:
    """One entry of the bare list."""

    id: int
    score: float
    """Cosine similarity, as the model gives it."""


@dataclass(frozen=True, slots=True)
class PrintedWords:
    """A line of print in a picture that is in the query too."""

    text: str
    """The whole line, as it was read."""
    by: str = "form"
    """`form`: by how it is written; `meaning`: by what it means."""
    box: Box | None = None
    """Of the line; None where nobody knows."""
    spans: tuple[tuple[int, int], ...] = ()
    """The characters of `text` that match."""
    span_boxes: tuple[Box, ...] = ()


@dataclass(frozen=True, slots=True)
class Hit:
    """One picture that was found."""

    id: int
    score: float
    """Cosine similarity, as the model gives it."""
    relevance: float
    """0 to 1, comparable between queries; at 0.5 relevance ends."""
    path: str
    """Relative to the indexed folder."""
    url: str
    """Path of the picture on the service; `image(id)` fetches it."""
    thumbnail_url: str
    width: int
    height: int
    by: str = "image"
    """What brought it: `image`, or its printed words by `meaning` or by `form`."""
    evidence: Mapping[str, float] | None = None
    """What each of the three says for it."""
    words: tuple[PrintedWords, ...] = ()
    copies: tuple[int, ...] = ()
    """Ids of copies of this picture that are folded into it."""


@dataclass(frozen=True, slots=True)
class SimilarAnswer:
    """Neighbours of one picture, best first."""

    hits: tuple[Hit, ...]
    no_match: bool
    """Nothing is relevant; the nearest pictures are given all the same."""
    model: str
    collection: str
    generation: int
    """Grows with every change of the index; one generation gives one answer."""
    took_ms: Mapping[str, float]
    """Milliseconds by stage."""


@dataclass(frozen=True, slots=True)
class Understood:
    """How the text was taken."""

    text: str
    without: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FacetCount:
    """How many relevant pictures have a value."""

    value: FacetValue
    count: int


@dataclass(frozen=True, slots=True)
class SearchAnswer(SimilarAnswer):
    """Hits, best first, and what they came from."""

    query: str = ""
    understood: Understood | None = None
    relevant: int = 0
    """Relevant pictures among those that were looked at closely, a few hundred."""
    facets: Mapping[str, tuple[FacetCount, ...]] | None = None


@dataclass(frozen=True, slots=True)
class Answers:
    """The answers to a batch."""

    answers: tuple[SearchAnswer, ...]


@dataclass(frozen=True, slots=True)
class TermShare:
    """What one term of the query says for a picture; below 0 where it speaks against it."""

    kind: str
    """`text`, `image` or `id`."""
    weight: float
    text: str = ""
    id: int | None = None
    evidence: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True)
class HeatMap:
    """Where in the picture the match lies."""

    rows: int
    columns: int
    cells: tuple[tuple[float, ...], ...]
    """Row by row from the top: 1 is the hottest cell of this picture, 0 the coldest."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a picture is, or is not, an answer."""

    id: int
    score: float
    relevance: float
    terms: tuple[TermShare, ...] = ()
    words: tuple[PrintedWords, ...] = ()
    heat: HeatMap | None = None
    """None where only printed words were asked for."""


@dataclass(frozen=True, slots=True)
class Readiness:
    """A real query was answered just now."""

    status: str
    collection: str
    count: int
    generation: int


@dataclass(frozen=True, slots=True)
class Info:
    """What runs there; what belongs to the index is None while there is none."""

    version: str
    model: str
    dim: int
    device: str
    precision: str = ""
    backend: str = ""
    collection: str | None = None
    count: int | None = None
    generation: int | None = None
    folder: str | None = None
    """Name of the indexed folder."""


@dataclass(frozen=True, slots=True)
class AddedImage:
    """A picture that is in the collection now."""

    id: int
    path: str
    """Relative to the indexed folder."""
    created: bool
    """False where the same file was there under the same name."""
    url: str
    thumbnail_url: str


@dataclass(frozen=True, slots=True)
class AddedImages:
    """All pictures of one request."""

    images: tuple[AddedImage, ...]
