"""Who is let in: the first thing that looks at a request, and the only one that knows of keys."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from ipaddress import ip_address
from urllib.parse import urlsplit

from anyio import to_thread
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from search_app.api.guarding import keys
from search_app.api.guarding.collection_paths import PREFIX, asked_of
from search_app.api.guarding.guard import Guard
from search_app.api.guarding.rates import Rates, client_of
from search_app.api.guarding.scopes import METRICS, PROBES, changes_something, path_of, scope_needed
from search_app.api.observing.journal import journal_of
from search_app.api.problems import problem
from search_app.errors import SettingsError

COOKIE = "search_key"
MAX_HEAD_BYTES = 65_536
"""Of the request line and all headers: the longest query that is allowed takes a third of it."""
MOST_WAITING = 128
"""Requests that wait for one of the worker threads; more are turned away."""
_WORK_FOR_ANYBODY = frozenset({"/readyz", "/session"})
_logger = logging.getLogger(__name__)


class Gate:
    """Lets a request in, or answers it with 400, 401, 403, 429, 431 or 503.

    It stands around the memory of answers too: what was answered once is given to nobody who may not ask.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})  # nothing here speaks it
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        told: dict[str, str] = {}
        request = Request(scope)
        try:
            _admit(request, told)
        except HTTPException as error:
            journal = journal_of(scope)
            journal.refused = journal.refused or "keys_unreadable"  # all others say it where they are raised
            headers = {**told, **(error.headers or {})}
            await problem(request, error.status_code, error.detail, headers=headers)(scope, receive, send)
            return
        await self._app(scope, receive, _telling(told, send) if told else send)


def _admit(request: Request, told: dict[str, str]) -> None:
    """Look at all there is to look at, the cheapest first; `told` gets the headers that any answer shall have."""
    guard: Guard = request.app.state.guard
    path, method = path_of(request.scope), request.method
    _check_head(request)
    if path == "/healthz":  # it answers whatever is the matter
        return
    if path not in PROBES and not (path == METRICS and guard.keys):
        _check_host(request, guard)
    needed = scope_needed(method, path)
    if changes_something(method, path):
        _check_site(request, guard)
        if needed is keys.Scope.ADMIN and guard.keys is None and not guard.hosts:
            _check_name(request)
    key = known_key(secret_of(request), guard) if needed else None
    if key is not None:
        journal_of(request.scope).key = key.name
        request.state.only_collection = key.collection
    if guard.rates and (needed or path in _WORK_FOR_ANYBODY):
        _count(request, key, guard.rates, told)
    if needed and guard.keys:
        _check_scope(request, key, needed)
        _check_collection(request, key, path)
    has_threads = to_thread.current_default_thread_limiter().statistics().tasks_waiting < MOST_WAITING
    if not (has_threads or path == METRICS):  # it has a thread of its own, and is wanted most when others have none
        detail = "the service has more to do than it can: ask again in a moment"
        raise _refused(request, "no_thread", HTTPStatus.SERVICE_UNAVAILABLE, detail, {"retry-after": "1"})


def _check_head(request: Request) -> None:
    target = len(request.scope.get("raw_path") or b"") + len(request.scope["query_string"])
    size = target + sum(len(name) + len(value) for name, value in request.scope["headers"])
    if size > MAX_HEAD_BYTES:
        status = HTTPStatus.REQUEST_URI_TOO_LONG if 2 * target > size else HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
        raise _refused(request, "head", status, f"address and headers have more than {MAX_HEAD_BYTES} bytes")


def _check_host(request: Request, guard: Guard) -> None:
    """Refuse names that are not ours: else a stranger's page whose name is made to point here reads what we answer."""
    if guard.hosts and (_host_of(f"//{request.headers.get('host', '')}") or "") not in guard.hosts:
        detail = "the service is not asked by this name: SEARCH_ALLOWED_HOSTS lists those it has"
        raise _refused(request, "host", HTTPStatus.MISDIRECTED_REQUEST, detail)


def _check_site(request: Request, guard: Guard) -> None:
    """Refuse changes that a page of another site asks for (as `net/http.CrossOriginProtection` of Go 1.25 does)."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site in {"same-origin", "none"} or (origin and origin in guard.origins):
        return
    is_ours = origin is None or origin.partition("://")[2] == request.headers.get("host")
    if site is not None or not is_ours:
        detail = "a page of another site asks for a change: SEARCH_ALLOWED_ORIGINS lists those that may"
        raise _refused(request, "other_site", HTTPStatus.FORBIDDEN, detail)


def _check_scope(request: Request, key: keys.Key | None, needed: keys.Scope) -> None:
    if key is None:
        wrong = ', error="invalid_token"' if secret_of(request) else ""
        detail = "this needs an API key: send it as `Authorization: Bearer KEY` or `X-API-Key: KEY`"
        challenge = {"www-authenticate": f'Bearer realm="image search"{wrong}'}
        more = "; the one sent is not known" if wrong else ""
        reason = "unknown_key" if wrong else "no_key"
        raise _refused(request, reason, HTTPStatus.UNAUTHORIZED, f"{detail}{more}", challenge)
    if not key.scope.opens(needed):
        name = needed.name.lower()
        challenge = {"www-authenticate": f'Bearer realm="image search", error="insufficient_scope", scope="{name}"'}
        raise _refused(request, "scope", HTTPStatus.FORBIDDEN, f"this needs a key of the scope {name}", challenge)


def _check_collection(request: Request, key: keys.Key | None, path: str) -> None:
    """Refuse a key of one collection wherever anything else is told: what is about no collection, or about all."""
    if key is None or not key.collection or path == PREFIX:
        return
    asked = asked_of(path)
    if asked is None or (asked.collection or request.app.state.house.own) != key.collection or asked.is_judging:
        detail = f"this key may ask {PREFIX}/{key.collection} alone, and nothing of judgements"
        challenge = {"www-authenticate": 'Bearer realm="image search", error="insufficient_scope"'}
        raise _refused(request, "scope", HTTPStatus.FORBIDDEN, detail, challenge)


def _check_name(request: Request) -> None:
    """Refuse changes of the index that a browser asks for by a name nobody has listed, where no key is asked for.

    A stranger's page may have had its own name made to point here ("DNS rebinding"): then it counts as our own page.
    """
    is_browser = "origin" in request.headers or "sec-fetch-site" in request.headers
    name = _host_of(f"//{request.headers.get('host', '')}") or ""
    if is_browser and not (name == "localhost" or name.endswith(".localhost") or _is_address(name)):
        detail = "a browser asks for a change by a name that may be a stranger's: list it in SEARCH_ALLOWED_HOSTS"
        raise _refused(request, "other_site", HTTPStatus.FORBIDDEN, detail)


def _count(request: Request, key: keys.Key | None, rates: Rates, told: dict[str, str]) -> None:
    address = request.client.host if request.client else ""
    allowance = rates.take(f"key {key.name}" if key else f"address {client_of(address)}")
    told |= rates.headers(allowance)
    if not allowance.granted:
        detail = f"more than {rates.a_minute} requests a minute: wait {allowance.seconds} s"
        raise _refused(request, "rate", HTTPStatus.TOO_MANY_REQUESTS, detail)


def known_key(secret: str, guard: Guard) -> keys.Key | None:
    """The key that is `secret`, if there is one; raises `HTTPException` where nobody can tell now."""
    if guard.keys is None or not secret:
        return None
    try:
        return guard.keys.find(secret)
    except SettingsError as error:
        extra = {"event": "keys_unreadable"}
        _logger.error("nobody is let in: %s", error, extra=extra)  # noqa: TRY400  # the operator mends it, no programmer
        detail = "the keys cannot be read now; the service's log has the reason"
        raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, detail, {"retry-after": "5"}) from None


def secret_of(request: HTTPConnection) -> str:
    """The key a request brings, in a header or in the page's cookie; never in an address: those are logged."""
    kind, _, value = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer" and value.strip():
        return value.strip()
    return request.headers.get("x-api-key", "").strip() or request.cookies.get(COOKIE, "")


def _refused(
    request: Request, reason: str, status: int, detail: str, headers: Mapping[str, str] | None = None
) -> HTTPException:
    """What is to be raised; `reason` is one of `observing.metrics.REFUSALS`."""
    journal_of(request.scope).refused = reason
    return HTTPException(status, detail, headers)


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _host_of(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None


def _telling(told: Mapping[str, str], send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(told)
        await send(message)

    return send_with_headers
