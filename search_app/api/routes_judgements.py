"""Routes that take and give what people say about answers."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import PlainTextResponse

from search_app.api.dependencies import Service
from search_app.api.judged_pictures import PictureLookup
from search_app.api.problems import Responses, documented
from search_app.api.schemas_judgements import (
    ExportParameters,
    JudgementIn,
    JudgementList,
    JudgementOut,
    JudgementParameters,
    JudgementsIn,
    StoredAnswer,
)
from search_app.errors import BadRequest, JudgementError, NotFound
from search_app.judgements.pictures import IndexedPictures
from search_app.judgements.reports import LabelsWanted, stored_labels
from search_app.judgements.rounds import Rounds
from search_app.judgements.store import JudgementStore
from search_app.judgements.values import Filter, Judgement, PictureName
from search_app.search.query import normalised
from search_app.search.service import SearchService

router = APIRouter(tags=["judgements"])
CANNOT_ANSWER = (HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE)
_CANNOT_READ = (HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)


async def _store(request: Request) -> JudgementStore:
    store: JudgementStore | None = request.app.state.judgements
    if store is None:
        raise JudgementError("this service was started without a store of judgements")
    return store


def _pictures(request: Request, service: Service) -> IndexedPictures:
    lookup: PictureLookup = request.app.state.judged_pictures
    return lookup.now(service)


Store = Annotated[JudgementStore, Depends(_store)]
Pictures = Annotated[IndexedPictures, Depends(_pictures)]


def not_found(what: str) -> Responses:
    """The `responses` of a route that may not find `what`."""
    [(status, response)] = documented(HTTPStatus.NOT_FOUND).items()
    return {status: {**response, "description": what}}


@dataclass(frozen=True, slots=True)
class _Judges:
    """What is needed to understand one judgement that comes in."""

    store: JudgementStore
    pictures: IndexedPictures
    service: SearchService

    def understand(self, sent: JudgementIn) -> Judgement:
        """The judgement with its picture; raises `BadRequest`."""
        if sent.round and not Rounds(self.store).has(sent.round):
            raise BadRequest(f"there is no round {sent.round!r}", "round")
        return Judgement(
            uuid=sent.uuid,
            assessor=normalised(sent.assessor),
            picture=self._picture(sent),
            query=normalised(sent.query),
            grade=sent.grade,
            categories=tuple(sorted({normalised(name) for name in sent.categories})),
            kind=sent.kind,
            verdict=sent.verdict,
            source=sent.source,
            round_id=sent.round,
        )

    def _picture(self, sent: JudgementIn) -> PictureName:
        if (sent.content_hash is None) == (sent.image_id is None):
            raise BadRequest("name the picture by content_hash or by image_id, by one of the two", "content_hash")
        if sent.image_id is not None:
            try:
                picture = self.service.picture(sent.image_id).picture
            except NotFound as error:
                raise BadRequest(str(error), "image_id") from None
            return PictureName(picture.content_hash, picture.path)
        content = sent.content_hash or ""
        if copies := self.pictures.by_content.get(content):
            return PictureName(content, copies[0].picture.path)
        # Gone from the index since it was shown: what was said about it is kept all the same.
        named = self.store.picture_named(content)
        if named is None:
            raise BadRequest("no picture with this content is in the index or was ever judged", "content_hash")
        return named


@router.post("/judgements", summary="Judge", responses=documented(*CANNOT_ANSWER, *_CANNOT_READ))
def judge(store: Store, pictures: Pictures, service: Service, body: JudgementsIn) -> StoredAnswer:
    """Store judgements, all or none; what was answered survives a kill. Sending the same again changes nothing."""
    judges = _Judges(store, pictures, service)
    understood = []
    for place, sent in enumerate(body.judgements):
        try:
            understood.append(judges.understand(sent))
        except BadRequest as error:
            raise BadRequest(str(error), f"judgements.{place}.{error.parameter}") from None
    stored = store.add(understood)
    return StoredAnswer(judgements=[JudgementOut.of(each, pictures.find(each.judgement.picture)) for each in stored])


@router.get("/judgements", summary="What was judged", responses=documented(*CANNOT_ANSWER, HTTPStatus.NOT_FOUND))
def judgements(
    store: Store, pictures: Pictures, service: Service, asked: Annotated[JudgementParameters, Query()]
) -> JudgementList:
    """List judgements in the order they were made. Unknown parameters are ignored."""
    content = asked.content_hash
    if asked.image_id is not None:
        content = service.picture(asked.image_id).picture.content_hash
    wanted = Filter(
        query=None if asked.query is None else normalised(asked.query),
        assessor=None if asked.assessor is None else normalised(asked.assessor),
        content_hash=content,
        source=asked.source,
        kind=asked.kind,
        round_id=asked.round,
        history=asked.history,
    )
    found = store.find(wanted, limit=asked.limit, after=asked.after)
    return JudgementList(
        judgements=[JudgementOut.of(each, pictures.find(each.judgement.picture)) for each in found],
        total=store.count(wanted),
        next_after=found[-1].seq if len(found) == asked.limit else None,
    )


@router.get(
    "/judgements/export",
    summary="Judgements as TREC files",
    response_class=PlainTextResponse,
    responses={**documented(*CANNOT_ANSWER), **not_found("Nothing was judged, or there is no such round.")},
)
def export(store: Store, pictures: Pictures, asked: Annotated[ExportParameters, Query()]) -> PlainTextResponse:
    """Give qrels (`qid 0 PATH grade`) or their topics (`qid<TAB>text`), as `evaluate` takes them."""
    wanted = LabelsWanted(
        assessor=None if asked.assessor is None else normalised(asked.assessor),
        merge=asked.merge,
        source=asked.source,
        kind=asked.kind,
        round_id=asked.round,
    )
    labels = stored_labels(store, wanted, pictures.locate)
    if not labels.grades:
        raise NotFound("nothing was judged yet that fits")
    text = labels.topics_text() if asked.form == "topics" else labels.qrels_text(store.spell_path)
    name: Literal["topics.tsv", "qrels.txt"] = "topics.tsv" if asked.form == "topics" else "qrels.txt"
    return PlainTextResponse(text, headers={"content-disposition": f'attachment; filename="{name}"'})
