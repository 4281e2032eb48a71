"""The HTTP application: routes, errors and life cycle put together."""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from anyio import to_thread
from fastapi import FastAPI

from search_app import __version__
from search_app.api import (
    describing,
    problems,
    routes_adding,
    routes_images,
    routes_judgements,
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
from search_app.api.middleware import OtherSites, PlainStartFailure, SecurityHeaders
from search_app.api.repeating import Repeating
from search_app.api.thumbnail_cache import ThumbnailCache
from search_app.api.turns import Turns
from search_app.errors import SearchAppError
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
    open_service: Callable[[], SearchService],
    open_judgements: Callable[[], JudgementStore] | None = None,
    open_fetcher: Callable[[], PicturesByAddress | None] | None = None,
    open_guard: Callable[[], Guard] = Guard,
    open_adder: Callable[[SearchService], "Adder | None"] | None = None,
) -> FastAPI:
    """The application; what it is given is called when the server starts and its results closed at the end.

    Where one raises a `SearchAppError` the start stops with that sentence. Without `open_judgements` the routes of
    judgements answer 503; without a fetcher pictures by their address are refused; without `open_guard` everybody may
    ask everything; without `open_adder` nobody adds or removes pictures.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        try:
            app.state.guard = open_guard()
            app.state.turns = Turns(SEARCHES_AT_ONCE, app.state.guard.waiting)
            app.state.judgements = open_judgements() if open_judgements else None
            app.state.fetcher = open_fetcher() if open_fetcher else None
            service = await to_thread.run_sync(open_service)
        except SearchAppError as error:
            app.state.start_failure = f"cannot start: {error}"
            raise
        app.state.service = service
        app.state.additions = routes_adding.Additions(lambda: open_adder(service) if open_adder else None)
        try:
            yield
        finally:
            await to_thread.run_sync(app.state.additions.close)
            await to_thread.run_sync(service.close)
            if app.state.judgements is not None:
                await to_thread.run_sync(app.state.judgements.close)

    app = FastAPI(
        title="Image search",
        version=__version__,
        description=_DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.start_failure = None
    app.state.judged_pictures = PictureLookup()
    app.state.thumbnails = ThumbnailCache(_THUMBNAIL_BYTES)
    # The last one added is the outermost.
    app.add_middleware(Repeating)
    app.add_middleware(Bodies)
    app.add_middleware(Gate)
    app.add_middleware(OtherSites)
    app.add_middleware(RequestIds)
    app.add_middleware(SecurityHeaders)
    app.add_middleware(PlainStartFailure)
    problems.install(app)
    describing.install(app)
    for routes in (
        routes_search,
        routes_images,
        routes_adding,
        routes_rounds,
        routes_judgements,
        routes_session,
        routes_status,
    ):
        app.include_router(routes.router)
    routes_pages.install(app)
    return app
