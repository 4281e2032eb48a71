"""A name for each request, in its answer and in every line that is logged because of it."""

import logging
import re
import uuid
from contextvars import ContextVar

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER = "x-request-id"
_NONE = "-"
_USABLE = re.compile(r"[A-Za-z0-9._-]{1,64}")
"""What a caller may choose: nothing that a log would show as another line, or as anything but a name."""
_current: ContextVar[str] = ContextVar("request_id", default=_NONE)


class RequestIds:
    """Gives each request the id its caller chose in `X-Request-ID`, else a new one, and says it in the answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on under its id."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        chosen = Headers(scope=scope).get(HEADER, "")
        name = chosen if _USABLE.fullmatch(chosen) else uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = name
        _current.set(name)  # not taken back: what is logged after the answer belongs to the same request

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).setdefault(HEADER, name)
            await send(message)

        await self._app(scope, receive, send_with_id)


class WithRequestId(logging.Filter):
    """Puts `request_id` on each record, `-` outside of requests."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Add it; every record passes."""
        record.request_id = _current.get()
        return True
