"""The service inside this process, asked as if it were elsewhere, so that both ways answer alike."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx

from search_app.api.app import create_app
from search_app.client import AsyncSearchClient, Retry
from search_app.search.service import SearchService


@asynccontextmanager
async def open_local(open_service: Callable[[], SearchService]) -> AsyncIterator[AsyncSearchClient]:
    """A client of the HTTP application without a server or a port; `open_service` is called once, its result closed.

    Raises what `open_service` raises.
    """
    app = create_app(open_service)
    async with (
        app.router.lifespan_context(app),
        AsyncSearchClient(transport=httpx.ASGITransport(app), retry=Retry(attempts=1)) as client,
    ):
        yield client
