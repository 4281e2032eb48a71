"""Gives each request the collection it is about, from its first step to the last byte of its answer."""

import asyncio
from concurrent.futures import Future
from typing import TYPE_CHECKING

import anyio
from anyio import to_thread
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from search_app.api.guarding.collection_paths import asked_of
from search_app.api.guarding.scopes import path_of
from search_app.api.problems import problem_of
from search_app.errors import IndexUnavailable, SearchAppError

if TYPE_CHECKING:
    from search_app.hosting.hosted import Lease
    from search_app.hosting.house import House

OPENING_SECONDS = 30.0
"""How long a request waits for a collection that nobody had asked for lately."""
_ATTEMPTS = 3


class Leasing:
    """Leaves a `Lease` in `request.state.lease`, and makes `/collections/NAME` a part of the root path.

    So routes, the memory of answers and the addresses in answers are the same for every collection. It stands inside of
    whatever decides who may ask.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its collection; answer it where there is none."""
        asked = asked_of(path_of(scope)) if scope["type"] == "http" else None
        if asked is None:
            await self._app(scope, receive, send)
            return
        house: House = scope["app"].state.house
        try:
            lease = await _lease(house, house.own if asked.collection is None else asked.collection)
        except SearchAppError as error:
            await problem_of(Request(scope), error)(scope, receive, send)
            return
        scope.setdefault("state", {})["lease"] = lease
        scope["root_path"] = f"{scope.get('root_path', '')}{asked.prefix}"
        try:
            await self._app(scope, receive, send)
        finally:
            lease.release()


async def _lease(house: "House", name: str) -> "Lease":
    lease = house.at_hand(name)
    for _ in range(_ATTEMPTS):
        if lease is not None:
            return lease
        await _opened(await to_thread.run_sync(house.begin, name), name)
        lease = house.at_hand(name)
    if lease is None:  # others took its place each time
        raise IndexUnavailable("more collections are asked than may be open (SEARCH_OPEN_COLLECTIONS): ask again soon")
    return lease


async def _opened(begun: "Future[None]", name: str) -> None:
    """Wait without a thread, which others need; raises what opening it raised."""
    loop, done = asyncio.get_running_loop(), anyio.Event()
    begun.add_done_callback(lambda _: loop.call_soon_threadsafe(done.set))
    with anyio.move_on_after(OPENING_SECONDS):
        await done.wait()
    if not begun.done():
        raise IndexUnavailable(f"collection {name!r} is being opened: ask again soon")
    begun.result()
