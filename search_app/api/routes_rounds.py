"""Routes of rounds of judging: what there is to judge, what comes next, how far people are and how well they agree."""

from collections import Counter
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request

from search_app.api.problems import documented
from search_app.api.routes_judgements import CANNOT_ANSWER, Pictures, Store, not_found
from search_app.api.schemas_judgements import (
    AgreementOut,
    ItemOut,
    NextAnswer,
    ProgressOut,
    RoundList,
    RoundOut,
    RoundWithProgress,
)
from search_app.errors import BadRequest
from search_app.judgements.pictures import IndexedPictures
from search_app.judgements.reports import round_agreement
from search_app.judgements.rounds import Rounds, Subject
from search_app.judgements.values import MAX_NAME, Round, RoundItem, Verdict
from search_app.search.query import normalised

router = APIRouter(prefix="/judgements/rounds", tags=["judgements"])
RoundId = Annotated[str, Path(max_length=MAX_NAME, description="Id of a round")]
_NO_ROUND = {**documented(*CANNOT_ANSWER), **not_found("There is no such round.")}
_LATELY = 100


@router.get("", summary="Rounds of judging", responses=documented(*CANNOT_ANSWER))
def rounds(store: Store, pictures: Pictures) -> RoundList:
    """List rounds, newest first, each with everybody's progress."""
    known = Rounds(store)
    return RoundList(rounds=[_with_progress(known, each, pictures) for each in known.all()])


@router.get("/{round_id}", summary="One round", responses=_NO_ROUND)
def one_round(store: Store, pictures: Pictures, round_id: RoundId) -> RoundWithProgress:
    """Tell about a round and everybody's progress."""
    known = Rounds(store)
    return _with_progress(known, known.get(round_id), pictures)


@router.get("/{round_id}/next", summary="What to judge next", responses=_NO_ROUND)
def what_is_next(
    store: Store,
    pictures: Pictures,
    request: Request,
    round_id: RoundId,
    assessor: Annotated[str, Query(description="Who judges; each has an order of their own")],
    limit: Annotated[int, Query(ge=1, le=200)] = 20,
) -> NextAnswer:
    """Give the next pictures in this assessor's order. Systems, ranks and scores are not told: they would sway."""
    known = Rounds(store)
    made, name = known.get(round_id), _named(assessor)
    items = known.items(made, name)
    root = request.scope["root_path"]
    waiting = [item for item in items if item.recorded is None]
    here = _shown(waiting, made, pictures, root)
    lately = sorted(items, key=lambda item: item.recorded.seq if item.recorded else 0, reverse=True)
    done = _shown([item for item in lately if item.recorded][:_LATELY], made, pictures, root)
    return NextAnswer(
        round=RoundOut.of(made),
        progress=_progress(name, _verdicts(items), made.size, _gone(made, pictures)),
        items=here[:limit],
        done=done,
    )


@router.get("/{round_id}/agreement", summary="How well people agree", responses=_NO_ROUND)
def agreement(store: Store, round_id: RoundId) -> AgreementOut:
    """Give Cohen's kappa of each two assessors and Krippendorff's alpha of all."""
    known = Rounds(store)
    return AgreementOut.of(round_agreement(known, known.get(round_id)))


def _named(assessor: str) -> str:
    name = normalised(assessor)
    if not 0 < len(name) <= MAX_NAME:
        raise BadRequest(f"assessor must be a name of 1 to {MAX_NAME} characters", "assessor")
    return name


def _shown(items: list[RoundItem], made: Round, pictures: IndexedPictures, root: str) -> list[ItemOut]:
    """Those whose picture is in the index."""
    numbers = {id(query): number for number, query in enumerate(made.queries, 1)}
    found = ((item, pictures.find(item.picture)) for item in items)
    return [ItemOut.of(item, known, numbers[id(item.query)], root) for item, known in found if known]


def _verdicts(items: list[RoundItem]) -> dict[Subject, Verdict]:
    said = (item.recorded.judgement for item in items if item.recorded)
    return {(each.query, each.picture.content_hash): each.verdict for each in said}


def _gone(made: Round, pictures: IndexedPictures) -> list[Subject]:
    """What cannot be shown: its picture left the index."""
    asked = ((query.text, picture.content_hash) for query in made.queries for picture in query.pictures)
    return [(query, content) for query, content in asked if content not in pictures.by_content]


def _progress(assessor: str, verdicts: dict[Subject, Verdict], total: int, gone: list[Subject]) -> ProgressOut:
    counts = Counter(verdicts.values())
    return ProgressOut(
        assessor=assessor,
        graded=counts["graded"],
        skipped=counts["skipped"],
        total=total,
        missing=sum(subject not in verdicts for subject in gone),
    )


def _with_progress(known: Rounds, made: Round, pictures: IndexedPictures) -> RoundWithProgress:
    gone = _gone(made, pictures)
    everybody = known.verdicts(made).items()
    progress = [_progress(name, verdicts, made.size, gone) for name, verdicts in everybody]
    return RoundWithProgress.of(made, progress=progress)
