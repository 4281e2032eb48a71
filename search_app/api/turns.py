"""Searches take turns: as many at once as the machine has use for; some wait, oldest first; more are turned away."""

import time
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import TypeVar

from anyio import Semaphore
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from search_app.api.observing.journal import journal_of
from search_app.search.seen import Lap

T = TypeVar("T")


class Turns:
    """Runs searches in worker threads, `at_once` of them; more would share the same cores and all end later.

    `waiting` others wait. One that finds so many before it is refused at once: where more is asked than can be
    answered a longer queue answers no more of it, and all of it later. With four times as many waiting as running, p99
    at twice the rate that can be kept up with was five times the usual one. Used from the event loop only.
    """

    def __init__(
        self, at_once: int, waiting: int = 0, tell: Callable[[int, int], object] = max, stage: str = "wait"
    ) -> None:
        """With `waiting` 0 twice as many wait as run; `tell` is told how many run and wait whenever that changes.

        `stage` is what waiting is called in the notes of a request.
        """
        self._stage = stage
        self._free = Semaphore(at_once)
        self._tell = tell
        self._running = self._waiting = 0
        self._most = at_once + (waiting or 2 * at_once)
        self._in_house = 0

    async def take(self, request: Request, search: Callable[[], T]) -> T:
        """Run `search` when its turn comes.

        Raises:
            HTTPException: 503 with `Retry-After`, where too many wait already.
            ClientDisconnect: where the client has gone by then.

        """
        [result] = await self.take_each(request, [search])
        return result

    async def take_each(self, request: Request, searches: Iterable[Callable[[], T]]) -> list[T]:
        """The same for searches that come together: let in or refused as one, each with a turn of its own."""
        if self._in_house >= self._most:
            journal_of(request.scope).refused = "no_turn"
            detail = "more is asked at this moment than the service can answer: ask again in a moment"
            raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, detail, {"retry-after": "1"})
        self._in_house += 1
        try:
            return [await self._in_turn(request, search) for search in searches]
        finally:
            self._in_house -= 1

    async def _in_turn(self, request: Request, search: Callable[[], T]) -> T:
        came = time.perf_counter()
        self._count(waiting=1)
        try:
            await self._free.acquire()
        finally:
            self._count(waiting=-1)
        self._count(running=1)
        journal_of(request.scope).laps.append(Lap(self._stage, came, time.perf_counter()))
        try:
            if await request.is_disconnected():
                raise ClientDisconnect
            return await run_in_threadpool(search)
        finally:
            self._free.release()
            self._count(running=-1)

    def _count(self, *, running: int = 0, waiting: int = 0) -> None:
        self._running, self._waiting = self._running + running, self._waiting + waiting
        self._tell(self._running, self._waiting)
