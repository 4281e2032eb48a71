"""Errors as problem documents (RFC 9457): from the router's 404 to a bug, every error looks the same."""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, TypeAlias

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from pydantic.json_schema import models_json_schema
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import Match

from search_app.api.guarding.request_ids import HEADER
from search_app.api.guarding.scopes import path_of
from search_app.api.middleware import SECURITY_HEADERS
from search_app.errors import BadRequest, FolderClosed, ImageError, NameTaken, NoIndexYet, NotFound, SearchAppError

RETRY_AFTER_SECONDS = 5
_METHODS = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")
_MEDIA_TYPE = "application/problem+json"
_SCHEMAS = "#/components/schemas/{model}"
_NOTHING_INDEXED = (
    "nothing has been indexed yet: run `python -m search_app index FOLDER`; "
    "searches are answered as soon as it has stored the first pictures, without a restart"
)
_MEANINGS = {
    HTTPStatus.BAD_REQUEST: "The body is not JSON, or no form where one is taken.",
    HTTPStatus.UNAUTHORIZED: "Keys are asked for here, and none came or none that is known.",
    HTTPStatus.FORBIDDEN: "The key is of a lesser scope, a page of another site asks for a change, or none are made.",
    HTTPStatus.TOO_MANY_REQUESTS: "More requests than are allowed; `Retry-After` says when to come again.",
    HTTPStatus.CONFLICT: "Another picture or file has this name.",
    HTTPStatus.NOT_FOUND: "No image has this id, or its file is gone; or there is no such collection or model.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is too large.",
    HTTPStatus.UNPROCESSABLE_ENTITY: "A parameter is missing or wrong; `parameter` names it.",
    HTTPStatus.SERVICE_UNAVAILABLE: "The service cannot answer now; `detail` says what to do.",
}

_OPENAI_CODES = {
    HTTPStatus.UNAUTHORIZED: "invalid_api_key",
    HTTPStatus.NOT_FOUND: "model_not_found",
    HTTPStatus.TOO_MANY_REQUESTS: "rate_limit_exceeded",
}

Responses: TypeAlias = dict[int | str, dict[str, Any]]


class WrongParameter(BaseModel):
    """One entry of `errors`."""

    parameter: str
    detail: str


class OpenAIError(BaseModel):
    """An error as OpenAI's clients read it: a member of the problem document beside its own (RFC 9457, 3.2)."""

    message: str
    type: str
    param: str | None = None
    code: str | None = None


class Problem(BaseModel):
    """A problem document."""

    type: str = Field(description="`about:blank`: there are no kinds beside the HTTP status")
    title: str = Field(description="Phrase of the HTTP status")
    status: int
    detail: str = Field(description="What happened, to what, and what to do")
    instance: str = Field(description="Path that was asked for")
    parameter: str | None = Field(None, description="The first wrong parameter")
    errors: list[WrongParameter] | None = Field(None, description="All wrong parameters")
    error: OpenAIError | None = Field(default=None, description="Below /v1 the same in the form of OpenAI")


class ProblemResponse(JSONResponse):
    """A problem document as an answer."""

    media_type = _MEDIA_TYPE

    def render(self, content: Any) -> bytes:
        """JSON in UTF-8; a lone surrogate, which a caller may have put into a name, becomes a question mark."""
        return json.dumps(content, ensure_ascii=False).encode("utf-8", "replace")


def documented(*statuses: HTTPStatus) -> Responses:
    """The `responses` of a route that may answer with these problems, for OpenAPI."""
    content = {_MEDIA_TYPE: {"schema": {"$ref": _SCHEMAS.format(model="Problem")}}}
    return {int(status): {"description": _MEANINGS[status], "content": content} for status in statuses}


def install(app: FastAPI) -> None:
    """Make `app` answer every error with a problem document, and describe that."""
    app.add_exception_handler(SearchAppError, _on_search_app_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(RequestValidationError, _on_wrong_parameters)
    app.add_exception_handler(ClientDisconnect, _on_client_gone)
    app.add_exception_handler(Exception, _on_bug)
    describe = app.openapi

    def describe_with_problems() -> dict[str, Any]:
        description = describe()
        _, schemas = models_json_schema([(Problem, "serialization")], ref_template=_SCHEMAS)
        description["components"]["schemas"].update(schemas["$defs"])
        return description

    # FastAPI puts a model among the schemas only together with the media type application/json.
    app.openapi = describe_with_problems  # type: ignore[method-assign]


def problem(
    request: Request,
    status: int,
    detail: str,
    errors: Sequence[WrongParameter] = (),
    headers: Mapping[str, str] | None = None,
) -> ProblemResponse:
    """The answer that says what is wrong with a request."""
    told = Problem(
        type="about:blank",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        instance=request.url.path,
        parameter=errors[0].parameter if errors else None,
        errors=list(errors) or None,
    )
    if path_of(request.scope).startswith("/v1/"):
        told.error = _openai_error(told)
    return ProblemResponse(told.model_dump(exclude_none=True), status, headers)


def _openai_error(told: Problem) -> OpenAIError:
    kind = "server_error" if told.status >= HTTPStatus.INTERNAL_SERVER_ERROR else "invalid_request_error"
    code = _OPENAI_CODES.get(HTTPStatus(told.status))
    return OpenAIError(message=told.detail, type=kind, param=told.parameter, code=code)


async def _on_search_app_error(request: Request, error: Exception) -> ProblemResponse:
    return problem_of(request, error)


def problem_of(request: Request, error: Exception) -> ProblemResponse:
    """Answer 4xx where the caller can do better, else 503: all other errors wait for the operator or for time."""
    match error:
        case BadRequest():
            wrong = WrongParameter(parameter=error.parameter, detail=str(error))
            return problem(request, HTTPStatus.UNPROCESSABLE_ENTITY, str(error), [wrong])
        case NameTaken():
            return problem(request, HTTPStatus.CONFLICT, str(error))
        case FolderClosed():
            return problem(request, HTTPStatus.FORBIDDEN, str(error))
        case NotFound() | ImageError():
            return problem(request, HTTPStatus.NOT_FOUND, str(error))
        case _:
            detail = _NOTHING_INDEXED if isinstance(error, NoIndexYet) else str(error)
            retry = {"retry-after": str(RETRY_AFTER_SECONDS)}
            return problem(request, HTTPStatus.SERVICE_UNAVAILABLE, detail, headers=retry)


async def _on_http_exception(request: Request, error: Exception) -> ProblemResponse:
    assert isinstance(error, HTTPException)  # noqa: S101  # registered for it
    detail, headers = error.detail, dict(error.headers or {})
    match error.status_code:
        case HTTPStatus.NOT_FOUND:
            detail = "there is nothing at this path; /docs lists what there is"
        case HTTPStatus.METHOD_NOT_ALLOWED:
            detail = f"this path does not answer {request.method}; /docs lists what it does"
            headers = {"allow": ", ".join(_allowed(request))}
    return problem(request, error.status_code, detail, headers=headers)


def _allowed(request: Request) -> list[str]:
    """Methods of all routes of a path: the router tells only those of the first one (RFC 9110, 15.5.6 wants all)."""
    asked = [(method, {**request.scope, "method": method}) for method in _METHODS]
    return [
        method for method, scope in asked if any(route.matches(scope)[0] is Match.FULL for route in request.app.routes)
    ]


async def _on_wrong_parameters(request: Request, error: Exception) -> ProblemResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101  # registered for it
    found = error.errors()
    if found[0]["type"] == "json_invalid":
        return problem(request, HTTPStatus.BAD_REQUEST, f"the body is not JSON: {found[0]['ctx']['error']}")
    wrong = [WrongParameter(parameter=_name(entry["loc"]), detail=entry["msg"]) for entry in found]
    detail = "; ".join(f"{entry.parameter}: {entry.detail}" for entry in wrong)
    return problem(request, HTTPStatus.UNPROCESSABLE_ENTITY, detail, wrong)


def _name(location: Sequence[int | str]) -> str:
    """A parameter's name without the place it is in; the place where the body as a whole is wrong."""
    return ".".join(str(part) for part in location[1:]) or str(location[0])


async def _on_client_gone(_request: Request, _error: Exception) -> Response:
    """End a request whose client has gone: nobody reads this, and it is no bug."""
    return Response(status_code=HTTPStatus.BAD_REQUEST)


async def _on_bug(request: Request, _error: Exception) -> ProblemResponse:
    """Say nothing about the inside; the server logs the exception, which is raised again after this answer.

    This answer goes out around all middleware, so what that adds is added here.
    """
    detail = "something went wrong inside the service; its log has the details"
    headers = {**SECURITY_HEADERS, HEADER: getattr(request.state, "request_id", "")}
    return problem(request, HTTPStatus.INTERNAL_SERVER_ERROR, detail, headers=headers)
