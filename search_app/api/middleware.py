"""What surrounds every request: security headers, a limit on bodies; and a start that fails in one sentence."""

from http import HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY_BYTES = 1_000_000
MAX_PICTURES_BYTES = 30_000_000
"""Where a body may hold pictures."""
SECURITY_HEADERS = {
    # Pictures as data: URLs are what Swagger UI draws its icons with; nothing else needs more than 'self'.
    "content-security-policy": "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


class SecurityHeaders:
    """Adds `SECURITY_HEADERS` to every answer that does not set them itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; headers are added as the answer leaves."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers)


class BodyLimit:
    """Refuses bodies that are too large with 413, before they are read where their length is announced."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; its body is counted as it is read."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        takes_pictures = scope["path"].rstrip("/").endswith(("/search", "/search/batch", "/explain"))
        limit = MAX_PICTURES_BYTES if takes_pictures else MAX_BODY_BYTES
        announced = int(Headers(scope=scope).get("content-length", 0))
        received = 0

        async def receive_limited() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if max(announced, received) > limit:
                detail = f"the body has more than {limit} bytes"
                raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail)
            return message

        await self._app(scope, receive_limited, send)


class PlainStartFailure:
    """Gives the server one sentence instead of a traceback where the start failed for a reason the operator can mend.

    The reason is left in `app.state.start_failure` by the lifespan; without one the traceback stays: it is a bug.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on; only the word of a failed start is changed."""

        async def send_plainly(message: Message) -> None:
            reason = scope["app"].state.start_failure
            if message["type"] == "lifespan.startup.failed" and reason is not None:
                message = {**message, "message": reason}
            await send(message)

        await self._app(scope, receive, send_plainly if scope["type"] == "lifespan" else send)
