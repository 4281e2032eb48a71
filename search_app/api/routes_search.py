"""Routes that answer queries."""

import json
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.datastructures import UploadFile

from search_app.api.dependencies import Fetcher, ImageId, Limit, SearchTurns, Service
from search_app.api.fetched import pictures_at
from search_app.api.problems import documented
from search_app.api.repeating import answered_once
from search_app.api.schemas import BatchAnswer, ExplanationOut, ScoredId, SearchAnswer, SimilarAnswer
from search_app.api.schemas_query import BatchBody, ExplainParameters, SearchBody, SearchParameters
from search_app.errors import BadRequest
from search_app.search.query import DEFAULT_LIMIT, MAX_TERMS, SearchQuery, normalised
from search_app.search.service import scored

router = APIRouter(tags=["search"])
_CANNOT_ANSWER = (HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE)
_CANNOT_READ = (HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
_UNKNOWN = (HTTPStatus.NOT_FOUND,)
_FORM = "multipart/form-data"


# Both spellings are promised, each without a redirect.
@router.get("/search/", include_in_schema=False)
@router.get("/search", summary="Search, ids and scores only", responses=documented(*_CANNOT_ANSWER, *_UNKNOWN))
async def search(
    service: Service, turns: SearchTurns, request: Request, parameters: Annotated[SearchParameters, Query()]
) -> list[ScoredId]:
    """Find pictures: ids and scores, best first. Unknown parameters are ignored."""
    query = parameters.to_query()
    found = await turns.take(request, lambda: service.search_ids(query))
    return [ScoredId(id=number, score=score) for number, score in scored(found)]


async def _asked(request: Request, fetcher: Fetcher) -> SearchQuery:
    """The query of a JSON body or of a form with picture files, read by hand: FastAPI takes one kind or the other."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == _FORM:
        body, pictures = await _of_form(request)
    else:
        body, pictures = _validated(await _json(await request.body())), []
    addresses = body.addresses()
    if addresses:
        answered_once(request)
    return body.to_query(*pictures, fetched=await pictures_at(addresses, fetcher))


async def _of_form(request: Request) -> tuple[SearchBody, list[bytes]]:
    """`image` holds files, `options` the rest of the grammar as JSON; `query` may stand by itself."""
    async with request.form(max_files=MAX_TERMS, max_fields=MAX_TERMS) as form:
        unknown = form.keys() - {"image", "options", "query"}
        if unknown:
            raise BadRequest(f"a form has image, query and options, not {min(unknown)!r}", min(unknown))
        files = [part for part in form.getlist("image") if isinstance(part, UploadFile)]
        if len(files) < len(form.getlist("image")):
            raise BadRequest("image is a file: send it with its name", "image")
        pictures = [await part.read() for part in files]
        options = await _json(str(form.get("options") or "{}").encode())
        if isinstance(options, dict) and "query" in form:
            options = {**options, "query": str(form["query"])}
    return _validated(options), pictures


async def _asked_together(body: BatchBody, fetcher: Fetcher) -> list[SearchQuery]:
    fetched = await pictures_at(body.addresses(), fetcher)
    return [query.to_query(fetched=fetched) for query in body.queries]


async def _json(data: bytes) -> Any:
    if not data.strip():
        raise RequestValidationError([{"type": "missing", "loc": ("body",), "msg": "Field required"}])
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        wrong = {"type": "json_invalid", "loc": ("body",), "msg": "JSON decode error", "ctx": {"error": str(error)}}
        raise RequestValidationError([wrong]) from None


def _validated(given: Any) -> SearchBody:
    try:
        return SearchBody.model_validate(given)
    except ValidationError as error:
        wrong = [{**entry, "loc": ("body", *entry["loc"])} for entry in error.errors(include_url=False)]
        raise RequestValidationError(wrong) from None


_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/SearchBody"}},
            _FORM: {
                "schema": {
                    "type": "object",
                    "properties": {
                        "image": {"type": "array", "items": {"type": "string", "format": "binary"}},
                        "query": {"type": "string"},
                        "options": {"type": "string", "description": "The rest of the grammar, as JSON"},
                    },
                }
            },
        },
    }
}


@router.post("/search/", include_in_schema=False)
@router.post(
    "/search",
    summary="Search, all there is to know",
    responses=documented(*_CANNOT_ANSWER, *_CANNOT_READ, *_UNKNOWN),
    openapi_extra=_BODY,
)
async def search_in_full(
    service: Service, turns: SearchTurns, request: Request, query: Annotated[SearchQuery, Depends(_asked)]
) -> SearchAnswer:
    """Find pictures by words, by pictures or by a mixture: hits, where relevance ends, and the time taken by stage."""
    result = await turns.take(request, lambda: service.search(query))
    return SearchAnswer.of_query(result, request.scope["root_path"], normalised(query.text))


@router.post(
    "/search/batch",
    summary="Many searches at once",
    responses=documented(*_CANNOT_ANSWER, *_CANNOT_READ, *_UNKNOWN),
)
async def search_batch(
    service: Service,
    turns: SearchTurns,
    request: Request,
    queries: Annotated[list[SearchQuery], Depends(_asked_together)],
) -> BatchAnswer:
    """Answer each query as `POST /search` does; a mistake in one of them refuses them all."""
    root = request.scope["root_path"]
    results = await turns.take_each(request, [partial(service.search, query) for query in queries])
    answered = zip(results, queries, strict=True)
    return BatchAnswer(
        answers=[SearchAnswer.of_query(result, root, normalised(query.text)) for result, query in answered]
    )


@router.get(
    "/images/{image_id}/similar",
    summary="Pictures like this one",
    responses=documented(*_UNKNOWN, *_CANNOT_ANSWER),
)
async def similar(
    service: Service, turns: SearchTurns, request: Request, image_id: ImageId, limit: Limit = DEFAULT_LIMIT
) -> SimilarAnswer:
    """Find the pictures nearest to one in the index, without that one; scores are between pictures."""
    result = await turns.take(request, lambda: service.similar(image_id, limit))
    return SimilarAnswer.of(result, request.scope["root_path"])


@router.get(
    "/images/{image_id}/explain",
    summary="Why is this picture an answer?",
    responses=documented(*_UNKNOWN, *_CANNOT_ANSWER),
)
async def explain(
    service: Service,
    turns: SearchTurns,
    request: Request,
    image_id: ImageId,
    parameters: Annotated[ExplainParameters, Query()],
) -> ExplanationOut:
    """Tell what each term and channel says for a picture, which words match, and where in it the match lies."""
    query = parameters.to_query()
    return ExplanationOut.of(await turns.take(request, lambda: service.explain(query, image_id)))


@router.post(
    "/images/{image_id}/explain",
    summary="Why is this picture an answer to a whole query?",
    responses=documented(*_UNKNOWN, *_CANNOT_ANSWER, *_CANNOT_READ),
    openapi_extra=_BODY,
)
async def explain_in_full(
    service: Service,
    turns: SearchTurns,
    request: Request,
    image_id: ImageId,
    query: Annotated[SearchQuery, Depends(_asked)],
) -> ExplanationOut:
    """Tell the same of the whole grammar, as `POST /search` takes it: with terms, weights and given pictures."""
    return ExplanationOut.of(await turns.take(request, lambda: service.explain(query, image_id)))
