"""Routes that answer queries."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Request

from search_app.api.dependencies import ImageId, Limit, Service
from search_app.api.problems import documented
from search_app.api.schemas import ScoredId, SearchAnswer, SearchBody, SearchParameters, SimilarAnswer
from search_app.search.query import DEFAULT_LIMIT, normalised
from search_app.search.service import scored

router = APIRouter(tags=["search"])
_CANNOT_ANSWER = (HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE)
_CANNOT_READ = (HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)


# Both spellings are promised, each without a redirect.
@router.get("/search/", include_in_schema=False)
@router.get("/search", summary="Search, ids and scores only", responses=documented(*_CANNOT_ANSWER))
def search(service: Service, parameters: Annotated[SearchParameters, Query()]) -> list[ScoredId]:
    """Find pictures by words: ids and scores, best first. Unknown parameters are ignored."""
    found = service.search_ids(parameters.to_query())
    return [ScoredId(id=number, score=score) for number, score in scored(found)]


@router.post("/search/", include_in_schema=False)
@router.post("/search", summary="Search, all there is to know", responses=documented(*_CANNOT_ANSWER, *_CANNOT_READ))
def search_in_full(service: Service, request: Request, body: SearchBody) -> SearchAnswer:
    """Find pictures by words: hits with paths and addresses, the model, and the time taken by stage."""
    result = service.search(body.to_query())
    return SearchAnswer.of(result, request.scope["root_path"], query=normalised(body.query))


@router.get(
    "/images/{image_id}/similar",
    summary="Pictures like this one",
    responses=documented(HTTPStatus.NOT_FOUND, *_CANNOT_ANSWER),
)
def similar(service: Service, request: Request, image_id: ImageId, limit: Limit = DEFAULT_LIMIT) -> SimilarAnswer:
    """Find the pictures nearest to one in the index, without that one; scores are between pictures."""
    return SimilarAnswer.of(service.similar(image_id, limit), request.scope["root_path"])
