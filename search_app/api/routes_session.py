"""Keys in a browser: the page gives one once and gets a cookie that no script can read and no other site can send."""

from http import HTTPStatus

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from search_app.api.guarding.gate import COOKIE, known_key
from search_app.api.problems import documented

router = APIRouter(tags=["status"])


class KeyIn(BaseModel):
    """A key, as `python -m search_app keys new` printed it."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    key: str = Field(min_length=1, max_length=512)


_CANNOT_OPEN = (HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)


@router.post(
    "/session",
    summary="Keep a key in this browser",
    status_code=HTTPStatus.NO_CONTENT,
    responses={
        **documented(*_CANNOT_OPEN, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE),
        204: {"description": "The key is known, or none is asked for"},
    },
)
async def keep_key(request: Request, body: KeyIn) -> Response:
    """Set a cookie with the key, until the browser is closed; programs send the key itself."""
    guard = request.app.state.guard
    answer = Response(status_code=HTTPStatus.NO_CONTENT)
    if guard.keys is None:
        return answer
    if known_key(body.key, guard) is None:
        raise HTTPException(HTTPStatus.UNAUTHORIZED, "this key is not known", {"www-authenticate": "Bearer"})
    answer.set_cookie(
        COOKIE,
        body.key,
        path=_path(request),
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )
    return answer


@router.delete(
    "/session",
    summary="Forget it",
    status_code=HTTPStatus.NO_CONTENT,
    responses={204: {"description": "This browser has no key now"}},
)
async def forget_key(request: Request) -> Response:
    """Take the cookie back."""
    answer = Response(status_code=HTTPStatus.NO_CONTENT)
    answer.delete_cookie(COOKIE, path=_path(request), httponly=True, samesite="strict")
    return answer


def _path(request: Request) -> str:
    return f"{request.scope['root_path']}/"
