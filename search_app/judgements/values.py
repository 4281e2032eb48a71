"""What people said: frozen values, checked where they are made."""

import re
from dataclasses import dataclass, field
from typing import Literal, get_args

from search_app.errors import BadRequest

Kind = Literal["grade", "category"]
Verdict = Literal["graded", "skipped", "withdrawn"]
Source = Literal["judging", "thumb"]

GRADES = (0, 1, 2)
"""Irrelevant, somewhat relevant, relevant."""
MAX_QUERY = 2_000
MAX_NAME = 64
MAX_CATEGORY = 200
MAX_CATEGORIES = 200
_ONE_OF = {"kind": get_args(Kind), "verdict": get_args(Verdict), "source": get_args(Source)}
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True, order=True)
class PictureName:
    """Which picture is meant: by its content, so that a rename, a re-index or a rebuild loses nothing."""

    content_hash: str
    """As `datatypes.Picture` has it."""
    path: str
    """Where it was at that time."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """One thing one person said about one picture.

    A later one of the same person and source about the same query and picture takes its place (`withdrawn` leaves
    nothing there); all are kept. Raises `BadRequest` naming the field that is wrong.
    """

    uuid: str
    """Chosen by the caller: the same one again is the same judgement, however often it is sent."""
    assessor: str
    picture: PictureName
    query: str = ""
    """The words that were searched for; empty where `kind` is category."""
    grade: int | None = None
    """One of `GRADES`, for `graded` of the kind grade only."""
    categories: tuple[str, ...] = ()
    """Where `kind` is category: all the picture belongs to; none is an answer too."""
    kind: Kind = "grade"
    verdict: Verdict = "graded"
    source: Source = "judging"
    round_id: str = ""

    def __post_init__(self) -> None:
        _require(bool(_UUID.fullmatch(self.uuid)), "uuid", "a UUID in small letters, with hyphens")
        _require(0 < len(self.assessor) <= MAX_NAME, "assessor", f"a name of 1 to {MAX_NAME} characters")
        for name, accepted in _ONE_OF.items():
            _require(getattr(self, name) in accepted, name, "one of " + ", ".join(accepted))
        if self.kind == "grade":
            _require(0 < len(self.query) <= MAX_QUERY, "query", f"words, {MAX_QUERY} characters at most")
            _require(not self.categories, "categories", "left out where a query's picture is graded")
        else:
            _require(not self.query, "query", "left out where categories are given")
            fits = len(self.categories) <= MAX_CATEGORIES and all(0 < len(c) <= MAX_CATEGORY for c in self.categories)
            _require(fits, "categories", f"{MAX_CATEGORIES} names at most, each of 1 to {MAX_CATEGORY} characters")
        if self.kind == "grade" and self.verdict == "graded":
            _require(self.grade in GRADES, "grade", "0 (irrelevant), 1 (somewhat) or 2 (relevant)")
        else:
            _require(self.grade is None, "grade", "left out where nothing is graded")


@dataclass(frozen=True, slots=True)
class Recorded:
    """A judgement as it lies in the store."""

    seq: int
    """Grows with every judgement that is stored."""
    made_at: str
    """UTC, ISO 8601."""
    judgement: Judgement
    current: bool
    """Nothing took its place."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which judgements are wanted; None means any."""

    query: str | None = None
    assessor: str | None = None
    content_hash: str | None = None
    source: Source | None = None
    kind: Kind | None = None
    round_id: str | None = None
    """The round they were given in."""
    asked_by: str | None = None
    """A round that asks about this query and picture, wherever it was answered."""
    history: bool = False
    """Also those that another took the place of."""


@dataclass(frozen=True, slots=True)
class RoundQuery:
    """A query of a round with the pictures to judge for it; empty text in a round of categories."""

    qid: str
    text: str
    pictures: tuple[PictureName, ...]


@dataclass(frozen=True, slots=True)
class Round:
    """What is to be judged: queries with pooled candidates, or pictures to be put into categories."""

    id: str
    name: str
    kind: Kind
    queries: tuple[RoundQuery, ...]
    seed: int = 0
    """Of the order, which is each assessor's own."""
    categories: tuple[str, ...] = ()
    pooled_from: tuple[str, ...] = ()
    """Names of the systems; never shown to who judges."""
    depth: int = 0
    made_at: str = ""

    @property
    def size(self) -> int:
        """Pictures to judge."""
        return sum(len(query.pictures) for query in self.queries)


@dataclass(frozen=True, slots=True)
class RoundItem:
    """One picture of a round, as one assessor comes to it."""

    query: RoundQuery = field(repr=False)
    picture: PictureName
    recorded: Recorded | None = None
    """What this assessor said about it, if anything."""


def _require(fulfilled: bool, field_name: str, wanted: str) -> None:  # noqa: FBT001  # a condition, not a switch
    if not fulfilled:
        raise BadRequest(f"{field_name} must be {wanted}", field_name)
