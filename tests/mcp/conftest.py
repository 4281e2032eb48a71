"""Servers over the world of colours, asked by the SDK's own client."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client
from mcp_types import CallToolResult

from search_app.api.app import create_app
from search_app.client import AsyncSearchClient, Retry
from search_app.mcp.local import open_local
from search_app.mcp.server import build_server
from search_app.search.service import SearchService
from tests.client.served import serving
from tests.search.colours import ColourEncoder, open_colours


@asynccontextmanager
async def assistant_of(service: Callable[[], SearchService], *, over_http: bool) -> AsyncIterator[Client]:
    """The SDK's client of a server that has the service in this process, or asks it over HTTP."""
    if over_http:
        with serving(create_app(service)) as url:
            async with (
                AsyncSearchClient(url, retry=Retry(attempts=1)) as client,
                Client(build_server(client), raise_exceptions=True) as assistant,
            ):
                yield assistant
    else:
        async with open_local(service) as client, Client(build_server(client), raise_exceptions=True) as assistant:
            yield assistant


class Assistant:
    """Calls tools, each in a session of its own over the same folder."""

    def __init__(self, service: Callable[[], SearchService], *, over_http: bool) -> None:
        self._service, self._over_http = service, over_http

    def call(self, tool: str, **arguments: Any) -> CallToolResult:
        async def call() -> CallToolResult:
            async with assistant_of(self._service, over_http=self._over_http) as client:
                return await client.call_tool(tool, arguments)

        return anyio.run(call)

    def answer(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """The structured content of a call that went well."""
        result = self.call(tool, **arguments)
        assert not result.is_error, result.content
        assert result.structured_content is not None
        return result.structured_content

    def refusal(self, tool: str, **arguments: Any) -> str:
        """The words of a call that failed."""
        result = self.call(tool, **arguments)
        assert result.is_error
        return result.content[0].text


@pytest.fixture(params=[False, True], ids=["in this process", "over HTTP"])
def assistant(request: pytest.FixtureRequest, tmp_path: Path) -> Assistant:
    """Red 1, green 2, blue 3, yellow 4, purple 5, black 6, white 7."""
    _, store = open_colours(tmp_path / "pictures")
    return Assistant(lambda: SearchService(ColourEncoder(), store.reader(), max_limit=50), over_http=request.param)
