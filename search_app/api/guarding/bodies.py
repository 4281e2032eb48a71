"""Limits on what is sent: how much of it, how slowly, and how much of everybody's is held at a time."""

import time
from http import HTTPStatus

import anyio
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from search_app.api.guarding.guard import Guard
from search_app.api.observing.journal import journal_of
from search_app.api.problems import problem

MAX_BODY_BYTES = 1_000_000
MAX_PICTURES_BYTES = 30_000_000
"""Where a body may hold pictures."""
MOST_HELD_BYTES = 240_000_000
"""Of bodies with pictures, all requests together: those that come on top are asked to come again."""
SLOW_LINE = 100_000
"""Bytes a second of the slowest line a picture is waited for on."""
_LAST_PARTS = ("/search", "/search/batch", "/explain", "/images", "/v1/embeddings")


class Bodies:
    """Refuses bodies that are too large (413), too slow (408) or too many at a time (503), as they are read.

    It stands around whatever reads a body. A body whose length is announced is refused before it is read.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; its body is watched as it is read."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        guard: Guard = scope["app"].state.guard
        body = _Body(scope, receive, guard.client_seconds)
        begun = False

        async def receive_watched() -> Message:
            before = body.received
            message = await body.receive()
            if body.received > MAX_BODY_BYTES:
                self._hold(body, body.received - before)
            return message

        async def send_noted(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive_watched, send_noted)
        except HTTPException as error:  # in what reads a body before the routes do
            if begun:
                raise
            await problem(Request(scope), error.status_code, error.detail, headers=error.headers)(scope, receive, send)
        finally:
            self._held -= body.held

    def _hold(self, body: "_Body", more: int) -> None:
        if self._held + more > MOST_HELD_BYTES:
            body.journal.refused = "no_room"
            detail = "more pictures are being sent at this moment than the service holds: send it again"
            raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, detail, {"retry-after": "2", "connection": "close"})
        self._held += more
        body.held += more


class _Body:
    """The body of one request as it comes in."""

    def __init__(self, scope: Scope, receive: Receive, seconds: float) -> None:
        self._receive, self._seconds = receive, seconds
        self.journal = journal_of(scope)
        self._limit = MAX_PICTURES_BYTES if scope["path"].rstrip("/").endswith(_LAST_PARTS) else MAX_BODY_BYTES
        self._announced = int(Headers(scope=scope).get("content-length", 0))
        self._waited = 0.0
        self._whole = False
        self.received = self.held = 0

    async def receive(self) -> Message:
        """What comes next; raises `HTTPException` where it is too much or too late."""
        if self._whole:  # what comes now is that the client has gone: that may take as long as it likes
            return await self._receive()
        message = await self._in_time()
        self.received += len(message.get("body", b""))
        self._whole = not message.get("more_body", False)
        if max(self._announced, self.received) > self._limit:
            self.journal.refused = "body"
            detail = f"the body has more than {self._limit} bytes"
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail, {"connection": "close"})
        return message

    async def _in_time(self) -> Message:
        """The next message within the time that a slow line takes for what came before it, and some seconds."""
        left = self._seconds + self.received / SLOW_LINE - self._waited
        began = time.monotonic()
        with anyio.move_on_after(max(left, 0)):
            message = await self._receive()
            self._waited += time.monotonic() - began
            return message
        self.journal.refused = "slow"
        detail = "the body came too slowly: send it again, or something smaller"
        raise HTTPException(HTTPStatus.REQUEST_TIMEOUT, detail, {"connection": "close"})
