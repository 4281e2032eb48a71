"""What looks at each request from outside: it is counted, logged and traced when it has been answered."""

import time
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from search_app.api.guarding.scopes import path_of
from search_app.api.observing.journal import Journal
from search_app.api.observing.lines import Ended, log
from search_app.api.observing.observing import Observing, TracedRequest
from search_app.search.seen import Lap, listen

if TYPE_CHECKING:
    from search_app.api.observing.metrics import Metrics

_UNROUTED = "none"
"""Instead of a route: what was answered before one was looked for, or has none."""
_PLACES = ("/static", "/docs/assets", "/openapi.json")
"""What is answered without a route of its own."""


class Watching:
    """Counts, logs and traces requests; stands inside of what gives them ids, and around all that answers them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and look what becomes of it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = _Request(scope, send)
        state = scope["app"].state
        metrics: Metrics = state.metrics
        observing: Observing = state.observing
        tracing: AbstractContextManager[TracedRequest | None] = (
            observing.tracer.request(scope) if observing.tracer else nullcontext()
        )
        metrics.in_progress.inc()
        with tracing as traced:
            try:
                await self._app(scope, receive, request.send_noted)
            finally:
                metrics.in_progress.dec()
                ended = request.end(scope)
                _count(metrics, ended, request.journal)
                log(ended, request.journal, traced.trace_id if traced else "", with_queries=observing.log_queries)
                if traced:
                    traced.end(ended, request.journal)


class _Request:
    """One request under way."""

    __slots__ = ("_began", "_path", "_route_path", "_send", "_status", "journal")

    def __init__(self, scope: Scope, send: Send) -> None:
        self._began = time.perf_counter()
        self._send = send
        self._status = 500  # what the server makes of an exception, outside of this
        # Looked at now: what a request is routed through changes them.
        self._path, self._route_path = scope["path"], path_of(scope)
        self.journal = Journal()
        scope.setdefault("state", {})["journal"] = self.journal
        listen(self.journal.seen)

    async def send_noted(self, message: Message) -> None:
        """Pass an answer on; notes its status, and how long it was in the making after the search."""
        if message["type"] == "http.response.start":
            self._status = message["status"]
            seen = self.journal.seen
            if seen and seen[-1].laps:
                self.journal.laps.append(Lap("serialise", seen[-1].laps[-1].ended, time.perf_counter()))
        await self._send(message)

    def end(self, scope: Scope) -> Ended:
        """What became of it."""
        client = scope.get("client")
        return Ended(
            method=scope["method"],
            path=self._path,
            route="/search" if self.journal.memory == "hit" else _route(scope, self._route_path),
            status=self._status,
            seconds=time.perf_counter() - self._began,
            query_string=scope["query_string"],
            http_version=scope["http_version"],
            client=f"{client[0]}:{client[1]}" if client else "",
        )


def _route(scope: Scope, path: str) -> str:
    """The template of the route that answered; both spellings of a search are one."""
    # With routers inside of routers FastAPI keeps the whole path beside the route.
    route = scope.get("fastapi", {}).get("effective_route_context") or scope.get("route")
    if route is not None:
        return str(route.path).rstrip("/") or "/"
    return next((place for place in _PLACES if path.startswith(place)), _UNROUTED)


def _count(metrics: "Metrics", ended: Ended, journal: Journal) -> None:
    metrics.count_request(ended.route, ended.method, ended.status, ended.seconds)
    source = "memory" if journal.memory == "hit" else "index"
    for seen in journal.seen:
        metrics.count_query(seen, source)
    if journal.memory:
        metrics.memory[journal.memory].inc()
    if journal.laps:
        metrics.count_laps(journal.laps, journal.seen)
    if journal.refused:
        metrics.refusals[journal.refused].inc()
    if journal.thumbnail:
        metrics.thumbnails[journal.thumbnail].inc()
    for change, pictures in (("added", journal.added), ("removed", journal.removed)):
        if pictures:
            metrics.changed[change].inc(pictures)
