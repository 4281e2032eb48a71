"""Both clients, and what assistants ask with, before a service that asks for keys."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from search_app.api.app import create_app
from search_app.api.guarding.guard import Guard
from search_app.api.guarding.keys import KeyRing, Scope, new_key
from search_app.api.guarding.rates import Rates
from search_app.cli import mcp
from search_app.cli.program import build_parser
from search_app.client import ProblemError, Retry
from tests.client.served import serving
from tests.search.colours import open_colours

KEY, LINE = new_key("ann", Scope.READ)


@pytest.fixture(scope="module")
def locked_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("locked") / "pictures"
    guard = Guard(keys=KeyRing(LINE), rates=Rates(1_000))
    with serving(create_app(lambda: open_colours(folder, max_limit=50)[0], open_guard=lambda: guard)) as url:
        yield url


def test_a_client_with_a_key_is_let_in_and_one_without_is_told_what_is_missing(
    open_client: Callable[..., Any], locked_url: str
) -> None:
    assert open_client(locked_url, api_key=KEY).ids("red")[0].id == 1
    for wrong in ("", "wrong"):
        with pytest.raises(ProblemError, match="API key") as told:
            open_client(locked_url, api_key=wrong, retry=Retry(attempts=1)).ids("red")
        assert told.value.status == 401


def test_assistants_ask_with_the_key_of_the_environment(
    locked_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    words = ["mcp", "--url", locked_url]
    arguments = build_parser(words).parse_args(words)

    async def count() -> int | None:
        async with mcp._client(arguments) as client:
            return (await client.info()).count

    with pytest.raises(ProblemError, match="API key"):
        anyio.run(count)
    monkeypatch.setenv("SEARCH_API_KEY", KEY)
    assert anyio.run(count) == 7
