"""Searches take turns: as many at once as the machine has use for, the others wait, oldest first."""

from collections.abc import Callable
from typing import TypeVar

from anyio import Semaphore
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request

T = TypeVar("T")


class Turns:
    """Runs searches in worker threads, `at_once` of them; more would share the same cores and all end later."""

    def __init__(self, at_once: int) -> None:
        self._free = Semaphore(at_once)

    async def take(self, request: Request, search: Callable[[], T]) -> T:
        """Run `search` when its turn comes; raises `ClientDisconnect` instead where the client has gone by then."""
        async with self._free:
            if await request.is_disconnected():
                raise ClientDisconnect
            return await run_in_threadpool(search)
