"""What goes in and out of the routes of judgements; the rules are `judgements.values`' alone."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from search_app.datatypes import Known
from search_app.judgements.agreement import Agreement
from search_app.judgements.export import Merge
from search_app.judgements.values import MAX_NAME, MAX_QUERY, Kind, Recorded, Round, RoundItem, Source, Verdict

MAX_BATCH = 500
MAX_ID = 2**63 - 1


class JudgementParameters(BaseModel):
    """Which judgements are wanted."""

    query: str | None = Field(None, description="Only about answers to these words", max_length=MAX_QUERY)
    assessor: str | None = Field(None, max_length=MAX_NAME)
    image_id: int | None = Field(None, ge=1, le=MAX_ID, description="Only about this picture")
    content_hash: str | None = Field(None, max_length=128, description="Only about pictures of this content")
    source: Source | None = None
    kind: Kind | None = None
    round: str | None = Field(None, max_length=MAX_NAME, description="Only what was given in this round")
    history: Annotated[bool, Field(description="Also those that another took the place of")] = False
    limit: int = Field(100, ge=1, le=1000)
    after: int = Field(0, ge=0, le=MAX_ID, description="Only later ones: `next_after` of the page before")


class ExportParameters(BaseModel):
    """Which labels are wanted and how those of several people become one."""

    form: Literal["qrels", "topics"] = Field("qrels", description="Which of the two files")
    round: str | None = Field(None, max_length=MAX_NAME, description="Only what this round asks")
    assessor: str | None = Field(None, max_length=MAX_NAME, description="Only theirs; without it everybody's, merged")
    merge: Merge = Field("majority", description="Of several grades: the most frequent one, or the rounded mean")
    source: Source | Literal["all"] = "judging"
    kind: Kind = Field("grade", description="Grades of answers, or categories as queries")


class JudgementIn(BaseModel):
    """One judgement; the picture is named by `content_hash` (best) or by `image_id`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    uuid: str = Field(
        description="Made by the caller; sent again it changes nothing",
        examples=["0b5f6a2e-3d0c-4a57-9d6a-7f3a1c9b2e10"],
    )
    assessor: str = Field(description="Who judges", examples=["ann"])
    kind: Kind = "grade"
    query: str = Field("", description="What was searched for; left out for categories", examples=["car"])
    grade: int | None = Field(
        None, description="0 irrelevant, 1 somewhat, 2 relevant", json_schema_extra={"enum": [0, 1, 2, None]}
    )
    categories: list[str] = Field([], description="All the picture belongs to, where `kind` is category")
    verdict: Verdict = Field("graded", description="`withdrawn` takes back what was said before")
    source: Source = "judging"
    round: str = Field("", pattern=f"^[a-z0-9-]{{0,{MAX_NAME}}}$", description="Id of the round this answers")
    image_id: int | None = Field(None, ge=1, le=MAX_ID, description="The picture, by its id")
    content_hash: str | None = Field(
        None, pattern="^[0-9a-f]{1,128}$", description="The picture, by its content as a round or a judgement names it"
    )


class JudgementsIn(BaseModel):
    """Several judgements, all stored or none; one alone may be sent as it is."""

    model_config = ConfigDict(extra="forbid")

    judgements: Annotated[list[JudgementIn], Field(min_length=1, max_length=MAX_BATCH)]

    @model_validator(mode="before")
    @classmethod
    def _one_alone(cls, body: Any) -> Any:
        return {"judgements": [body]} if isinstance(body, dict) and "judgements" not in body else body


class JudgementOut(BaseModel):
    """A judgement as it is stored."""

    seq: int = Field(description="Grows with every judgement")
    uuid: str
    made_at: str = Field(description="UTC, ISO 8601")
    assessor: str
    source: Source
    kind: Kind
    verdict: Verdict
    query: str
    grade: int | None
    categories: list[str]
    round: str
    content_hash: str
    path: str = Field(description="Where the picture was when it was judged")
    image_id: int | None = Field(description="The picture now; null where it is gone from the index")
    current: bool = Field(description="No later judgement took its place")

    @classmethod
    def of(cls, recorded: Recorded, known: Known | None) -> Self:
        """The judgement with the id its picture has now."""
        said = recorded.judgement
        return cls(
            seq=recorded.seq,
            uuid=said.uuid,
            made_at=recorded.made_at,
            assessor=said.assessor,
            source=said.source,
            kind=said.kind,
            verdict=said.verdict,
            query=said.query,
            grade=said.grade,
            categories=list(said.categories),
            round=said.round_id,
            content_hash=said.picture.content_hash,
            path=said.picture.path,
            image_id=known.id if known else None,
            current=recorded.current,
        )


class StoredAnswer(BaseModel):
    """What lies on the disk now."""

    judgements: list[JudgementOut]


class JudgementList(StoredAnswer):
    """A page of judgements in the order they were made."""

    total: int = Field(description="That fit, on all pages")
    next_after: int | None = Field(description="`after` for the next page; null on the last")


class ProgressOut(BaseModel):
    """How far one assessor is."""

    assessor: str
    graded: int
    skipped: int
    total: int = Field(description="Pictures to judge")
    missing: int = Field(description="Of these, not judged and gone from the index")


class RoundOut(BaseModel):
    """A round; where its candidates came from is not told to who judges them."""

    id: str
    name: str
    kind: Kind
    made_at: str
    queries: int
    size: int = Field(description="Pictures to judge")
    categories: list[str]

    @classmethod
    def of(cls, made: Round, **more: Any) -> Self:
        """The round in the form of the interface."""
        return cls(
            id=made.id,
            name=made.name,
            kind=made.kind,
            made_at=made.made_at,
            queries=len(made.queries),
            size=made.size,
            categories=list(made.categories),
            **more,
        )


class RoundWithProgress(RoundOut):
    """A round and how far people are with it."""

    progress: list[ProgressOut]


class RoundList(BaseModel):
    """Every round, newest first."""

    rounds: list[RoundWithProgress]


class ItemOut(BaseModel):
    """One picture to judge; its path is not told, as folders are often named for what is in them."""

    query: str
    query_number: int = Field(description="Place of the query in the round, from 1")
    content_hash: str
    image_id: int
    thumbnail_url: str
    width: int
    height: int
    verdict: Verdict | None = Field(description="What this assessor said before")
    grade: int | None
    categories: list[str]

    @classmethod
    def of(cls, item: RoundItem, known: Known, number: int, root: str) -> Self:
        """The item with the addresses of its picture below `root`."""
        said = item.recorded.judgement if item.recorded else None
        return cls(
            query=item.query.text,
            query_number=number,
            content_hash=item.picture.content_hash,
            image_id=known.id,
            thumbnail_url=f"{root}/images/{known.id}/thumbnail",
            width=known.picture.width,
            height=known.picture.height,
            verdict=said.verdict if said else None,
            grade=said.grade if said else None,
            categories=list(said.categories) if said else [],
        )


class NextAnswer(BaseModel):
    """What one assessor is to judge next, and what they judged last."""

    round: RoundOut
    progress: ProgressOut
    items: list[ItemOut]
    done: list[ItemOut] = Field(description="What was judged last, latest first: for undoing")


class PairOut(BaseModel):
    """Two people over what both graded; a figure is null where it is not defined."""

    first: str
    second: str
    shared: int
    same: float | None = Field(description="Share with equal grades")
    kappa: float | None = Field(description="Cohen's")
    weighted_kappa: float | None = Field(description="Cohen's, quadratic weights")


class AgreementOut(BaseModel):
    """How well people agree beyond chance."""

    assessors: list[str]
    units: int = Field(description="Graded by two people or more")
    alpha_nominal: float | None = Field(description="Krippendorff's, any difference counts the same")
    alpha_ordinal: float | None = Field(description="Krippendorff's, 0 and 2 are further apart than 0 and 1")
    pairs: list[PairOut]

    @classmethod
    def of(cls, found: Agreement) -> Self:
        """The figures in the form of the interface."""
        return cls.model_validate(found, from_attributes=True)
