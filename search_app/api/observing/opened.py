"""Everything that watches a service, opened before it and closed after it."""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from anyio import CapacityLimiter
from fastapi import FastAPI

from search_app.api.observing.observing import Observing
from search_app.errors import SearchAppError
from search_app.search.service import SearchService

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def observed(
    lifespan: Lifespan,
    open_observing: Callable[[], Observing],
    services: Callable[[FastAPI], Iterable[SearchService]],
    most_at_once: int,
) -> Lifespan:
    """The same lifespan, watched: in it `app.state` has `observing`, `metrics`, `exposition` and `scrapes`.

    `services` gives those that are open at the moment, `most_at_once` is how many searches run in one process.
    """

    @asynccontextmanager
    async def watched(app: FastAPI) -> AsyncIterator[None]:
        try:
            observing = app.state.observing = open_observing()
        except SearchAppError as error:
            app.state.start_failure = f"cannot start: {error}"
            raise
        # Only who serves needs these: importing them takes a tenth of a second.
        from search_app.api.observing.exposition import Exposition
        from search_app.api.observing.incidents import counted
        from search_app.api.observing.metrics import Metrics
        from search_app.api.observing.state import State

        if observing.log_format is not None:
            from search_app.api.observing.logs import take_over

            take_over(observing.log_format)
        app.state.metrics = Metrics()
        state = State(lambda: services(app), most_at_once)
        app.state.exposition = Exposition(app.state.metrics, state)
        app.state.scrapes = CapacityLimiter(1)
        try:
            with counted(app.state.metrics):
                async with lifespan(app):
                    yield
        finally:
            state.close()
            if observing.tracer is not None:
                observing.tracer.close()

    return watched
