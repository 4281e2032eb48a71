"""What surrounds every request: security headers, other sites' pages; and a start that fails in one sentence."""

from starlette.datastructures import MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from search_app.api.guarding.guard import Guard

SECURITY_HEADERS = {
    # Pictures as data: URLs are what Swagger UI draws its icons with; nothing else needs more than 'self'.
    "content-security-policy": "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}

_ONLY_TLS = "max-age=31536000"


class SecurityHeaders:
    """Adds `SECURITY_HEADERS` to every answer that does not set them itself; over TLS, that it be so for a year."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; headers are added as the answer leaves."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
                if scope["scheme"] == "https":
                    headers.setdefault("strict-transport-security", _ONLY_TLS)
            await send(message)

        await self._app(scope, receive, send_with_headers)


class OtherSites:
    """Lets pages of the sites in `SEARCH_ALLOWED_ORIGINS` ask from a browser (CORS); of no other site, by default."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._sharing: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer what a browser asks beforehand, and say in each answer who may read it."""
        guard: Guard | None = scope["app"].state.guard if scope["type"] == "http" else None
        if guard is None or not guard.origins:
            await self._app(scope, receive, send)
            return
        if self._sharing is None:
            # Without credentials: a site that is allowed sends a key of its own, not the cookie of our page.
            self._sharing = CORSMiddleware(
                self._app,
                allow_origins=guard.origins,
                allow_methods=("GET", "HEAD", "POST", "DELETE"),
                allow_headers=("authorization", "content-type", "x-api-key", "x-request-id"),
                expose_headers=("ratelimit", "ratelimit-policy", "retry-after", "x-request-id"),
            )
        await self._sharing(scope, receive, send)


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
