"""Vectors for programs that need nothing else, as clients of OpenAI's embeddings ask for them."""

from collections.abc import Sequence
from functools import partial
from http import HTTPStatus
from typing import Annotated

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Path, Request

from search_app.api.dependencies import Housed, SearchTurns
from search_app.api.problems import documented
from search_app.api.schemas_openai import EmbeddingsAnswer, EmbeddingsBody, ModelList, ModelOut, Piece
from search_app.datatypes import FloatVector
from search_app.errors import BadRequest, NotFound
from search_app.hosting.house import House
from search_app.search.encoding import QueryEncoder

router = APIRouter(prefix="/v1", tags=["vectors"])
AT_A_TIME = 16
"""Texts that take a turn together: others have theirs in between."""
OPENED_AT_ONCE = 2
"""Models; they have threads of their own, for it may take a while."""
_REFUSED = documented(
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.SERVICE_UNAVAILABLE,
)
_UNKNOWN = documented(HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE)


@router.post("/embeddings", summary="Vectors of texts and pictures", responses=_REFUSED)
async def embeddings(request: Request, house: Housed, turns: SearchTurns, body: EmbeddingsBody) -> EmbeddingsAnswer:
    """Give the vectors that a model makes, of unit length; texts and pictures of one model lie in one space."""
    pieces = body.pieces()
    limiter: CapacityLimiter = request.app.state.opening
    encoder = await to_thread.run_sync(_opened, house, body.model, limiter=limiter)
    try:
        dim = encoder.encoder.spec.dim
        if body.dimensions not in {None, dim}:
            raise BadRequest(f"vectors of {body.model} have {dim} dimensions and are not cut", "dimensions")
        parts = await turns.take_each(request, [partial(_encoded, encoder, part) for part in _parts(pieces)])
    finally:
        encoder.close()
    return EmbeddingsAnswer.of(body, pieces, [vector for part in parts for vector in part])


@router.get("/models", summary="Models to have vectors from", responses=documented(HTTPStatus.SERVICE_UNAVAILABLE))
def models(house: Housed) -> ModelList:
    """List the model of the service and those that made its collections."""
    return ModelList(data=[ModelOut(id=name) for name in house.models()])


@router.get("/models/{model:path}", summary="One of them", responses=_UNKNOWN)
def one_model(house: Housed, model: Annotated[str, Path(description="As the list has it")]) -> ModelOut:
    """Tell whether there is a model."""
    _require(house, model)
    return ModelOut(id=model)


def _require(house: House, model: str) -> None:
    if not house.has_model(model):
        raise NotFound(f"no model {model!r} is here: GET /v1/models lists those there are")


def _opened(house: House, model: str) -> QueryEncoder:
    _require(house, model)
    return house.borrow_model(model)


def _parts(pieces: Sequence[Piece]) -> list[list[tuple[int, Piece]]]:
    """Pictures one by one, neighbouring texts together."""
    parts: list[list[tuple[int, Piece]]] = []
    for at, piece in enumerate(pieces):
        last = parts[-1] if parts else []
        if isinstance(piece, str) and last and isinstance(last[0][1], str) and len(last) < AT_A_TIME:
            last.append((at, piece))
        else:
            parts.append([(at, piece)])
    return parts


def _encoded(encoder: QueryEncoder, part: Sequence[tuple[int, Piece]]) -> list[FloatVector]:
    [(at, first), *_] = part
    if isinstance(first, str):
        return [*encoder.texts([piece for _, piece in part if isinstance(piece, str)])]
    try:
        return [encoder.picture(first)]
    except BadRequest as error:
        raise BadRequest(str(error), f"input.{at}") from None
