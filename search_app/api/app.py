"""The HTTP application: routes, errors and life cycle put together."""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from anyio import CapacityLimiter, to_thread
from fastapi import FastAPI

from search_app import __version__
from search_app.api import (
    describing,
    problems,
    routes_adding,
    routes_collections,
    routes_images,
    routes_judgements,
    routes_metrics,
    routes_openai,
    routes_pages,
    routes_rounds,
    routes_search,
    routes_session,
    routes_status,
)
from search_app.api.fetched import PicturesByAddress
from search_app.api.guarding.bodies import Bodies
from search_app.api.guarding.gate import Gate
from search_app.api.guarding.guard import Guard
from search_app.api.guarding.request_ids import RequestIds
from search_app.api.judged_pictures import PictureLookup
from search_app.api.kept import Kept
from search_app.api.leasing import Leasing
from search_app.api.middleware import OtherSites, PlainStartFailure, SecurityHeaders
from search_app.api.observing.observing import Observing
from search_app.api.observing.opened import observed
from search_app.api.observing.watching import Watching
from search_app.api.repeating import Repeating
from search_app.api.turns import Turns
from search_app.errors import SearchAppError
from search_app.hosting.house import House, house_of
from search_app.judgements.store import JudgementStore
from search_app.search.service import SearchService

if TYPE_CHECKING:
    from search_app.ingest.adding.adder import Adder

SEARCHES_AT_ONCE = max(4, os.cpu_count() or 1)  # while one waits for the engine another is encoded
_THUMBNAIL_BYTES = 32 * 2**20  # about two thousand of the usual size
_DESCRIPTION = (
    "Finds pictures by words. Scores are cosine similarities, higher is better. "
    "Errors are problem documents (RFC 9457)."
)


def create_app(
    open_service: Callable[[], SearchService | House],
    open_judgements: Callable[[], JudgementStore] | None = None,
    open_fetcher: Callable[[], PicturesByAddress | None] | None = None,
    open_guard: Callable[[], Guard] = Guard,
    open_adder: Callable[[SearchService], "Adder | None"] | None = None,
    open_observing: Callable[[], Observing] = Observing,
) -> FastAPI:
    """The application; what it is given is called when the server starts and its results closed at the end.

    Where one raises a `SearchAppError` the start stops with that sentence. Without `open_judgements` the routes of
    judgements answer 503; without a fetcher pictures by their address are refused; without `open_guard` everybody may
    ask everything; without `open_adder`, which is for a service that is no house, nobody adds or removes pictures;
    without `open_observing` requests are counted, and neither logged nor traced.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        try:
            app.state.guard = open_guard()
            app.state.turns = Turns(SEARCHES_AT_ONCE, app.state.guard.waiting, app.state.metrics.count_turns)
            app.state.judgements = open_judgements() if open_judgements else None
            app.state.opening = CapacityLimiter(routes_openai.OPENED_AT_ONCE)
            app.state.fetcher = open_fetcher() if open_fetcher else None
            opened = await to_thread.run_sync(open_service)
        except SearchAppError as error:
            app.state.start_failure = f"cannot start: {error}"
            raise
        house = opened if isinstance(opened, House) else house_of(opened, open_adder)
        app.state.house = house
        try:
            yield
        finally:
            await to_thread.run_sync(house.close)
            if app.state.judgements is not None:
                await to_thread.run_sync(app.state.judgements.close)

    app = FastAPI(
        title="Image search",
        version=__version__,
        description=_DESCRIPTION,
        lifespan=observed(
            lifespan,
            open_observing,
            lambda app: app.state.house.services() if app.state.house else (),
            SEARCHES_AT_ONCE,
        ),
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.start_failure = app.state.house = None
    app.state.additions = routes_adding.Additions()
    app.state.judged_pictures = PictureLookup()
    app.state.thumbnails = Kept(_THUMBNAIL_BYTES, lambda _, thumbnail: len(thumbnail))
    # The last one added is the outermost.
    app.add_middleware(Repeating)
    app.add_middleware(Leasing)
    app.add_middleware(Bodies)
    app.add_middleware(Gate)
    app.add_middleware(OtherSites)
    app.add_middleware(Watching)
    app.add_middleware(RequestIds)
    app.add_middleware(SecurityHeaders)
    app.add_middleware(PlainStartFailure)
    problems.install(app)
    describing.install(app)
    for routes in (
        routes_search,
        routes_images,
        routes_adding,
        routes_collections,
        routes_rounds,
        routes_judgements,
        routes_session,
        routes_status,
        routes_metrics,
        routes_openai,
    ):
        app.include_router(routes.router)
    routes_pages.install(app)
    return app
