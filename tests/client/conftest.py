"""Both clients, so that every test of one is a test of the other."""

import inspect
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import anyio
import pytest

from search_app.api.app import create_app
from search_app.client import AsyncSearchClient, SearchClient
from tests.client.served import serving
from tests.search.colours import open_colours


class Awaited:
    """An `AsyncSearchClient` for callers that do not await: each call has an event loop of its own."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._open = partial(AsyncSearchClient, *arguments, **options)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            return anyio.run(self._call, name, arguments, options)

        return call

    async def _call(self, name: str, arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
        async with self._open() as client:
            found = getattr(client, name)(*arguments, **options)
            return [each async for each in found] if inspect.isasyncgen(found) else await found


@pytest.fixture(params=["blocking", "awaiting"])
def open_client(request: pytest.FixtureRequest) -> Iterator[Callable[..., Any]]:
    opened: list[SearchClient] = []

    def open_one(*arguments: Any, **options: Any) -> Any:
        if request.param == "awaiting":
            return Awaited(*arguments, **options)
        opened.append(SearchClient(*arguments, **options))
        return opened[-1]

    yield open_one
    for client in opened:
        client.close()


@pytest.fixture(scope="module")
def colours_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the world of colours is served: red 1, green 2, blue 3, yellow 4, purple 5, black 6, white 7."""
    folder = tmp_path_factory.mktemp("world") / "pictures"
    with serving(create_app(lambda: open_colours(folder, max_limit=50)[0])) as url:
        yield url


@pytest.fixture
def client(open_client: Callable[..., Any], colours_url: str) -> Any:
    return open_client(colours_url)
