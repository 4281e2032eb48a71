"""`python -m search_app mcp`, started as an assistant's program starts it."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import anyio
import httpx
import pytest
from mcp import Client, StdioServerParameters
from mcp_types import CallToolResult

from search_app.errors import WeightsUnavailable
from search_app.mcp.local import open_local
from search_app.mcp.server import TITLES
from search_app.search.service import SearchService
from tests.conftest import ROOT, Service, clean_environment, free_port, search_app

COMMAND = ["-m", "search_app", "mcp"]


def ask(server: StdioServerParameters | str) -> CallToolResult:
    async def one() -> CallToolResult:
        async with Client(server) as assistant:
            return await assistant.call_tool("search_images", {"query": "a red sports car", "limit": 3})

    return anyio.run(one)


def best_of(result: CallToolResult) -> str:
    assert not result.is_error, result.content
    return str(result.structured_content["pictures"][0]["path"])


def stdio(*arguments: str, cwd: Path) -> StdioServerParameters:
    env = clean_environment(SEARCH_MODEL="lite")
    return StdioServerParameters(command=sys.executable, args=[*COMMAND, *arguments], env=env, cwd=cwd)


def test_stdio_over_the_index_in_this_folder(lite_sample: Path) -> None:
    assert best_of(ask(stdio(cwd=lite_sample))).startswith("cars/")


def test_stdio_over_a_service_elsewhere(lite_service: Service, tmp_path: Path) -> None:
    assert best_of(ask(stdio("--url", lite_service.url, cwd=tmp_path))).startswith("cars/")


@pytest.fixture
def http_server(lite_service: Service, tmp_path: Path) -> Iterator[str]:
    port = free_port()
    command = [sys.executable, *COMMAND, "--url", lite_service.url, "--http", str(port)]
    with subprocess.Popen(command, cwd=tmp_path, env=clean_environment(), stderr=subprocess.PIPE, text=True) as process:
        address = f"http://127.0.0.1:{port}/mcp"
        for _ in range(1_200):
            try:
                httpx.get(address)
                break
            except httpx.TransportError:
                assert process.poll() is None, process.stderr.read()
                time.sleep(0.05)
        yield address
        process.terminate()


def test_streamable_http(http_server: str) -> None:
    assert best_of(ask(http_server)).startswith("cars/")
    stranger = httpx.post(http_server, headers={"host": "elsewhere.example"}, json={})
    assert stranger.status_code == httpx.codes.MISDIRECTED_REQUEST, "a page elsewhere cannot reach it through a name"


def test_a_wrong_address_is_one_sentence(tmp_path: Path) -> None:
    done = search_app("mcp", "--url", "localhost:8000", cwd=tmp_path)
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith("error: the address of the service begins with http://")
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--url", "http://localhost:1", "--model", "lite"], "leave them or --url out"),
        (["--host", "::1"], "--http too"),
    ],
)
def test_options_that_would_be_ignored_are_refused(options: list[str], words: str, tmp_path: Path) -> None:
    done = search_app("mcp", *options, cwd=tmp_path)
    assert (done.status, done.out) == (2, "")
    assert words in done.err


def test_a_wrong_setting_is_one_sentence(tmp_path: Path) -> None:
    done = search_app("mcp", cwd=tmp_path, env={"SEARCH_MAX_LIMIT": "none"})
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith("error: SEARCH_MAX_LIMIT='none'")
    assert "Traceback" not in done.err


def test_what_keeps_the_index_from_being_opened_is_told_as_it_is() -> None:
    def no_weights() -> SearchService:
        raise WeightsUnavailable("the weights are nowhere")

    async def start() -> None:
        async with open_local(no_weights):
            pytest.fail("there is nothing to ask")

    with pytest.raises(WeightsUnavailable, match="the weights are nowhere"):
        anyio.run(start)


def test_without_the_sdk_the_message_has_the_pip_line(tmp_path: Path) -> None:
    code = "import sys; sys.modules['mcp'] = None; from search_app.cli.program import main; sys.exit(main(['mcp']))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=clean_environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "pip install -c constraints.txt -r requirements-mcp.txt" in done.stderr
    assert (ROOT / "requirements-mcp.txt").exists()


def test_the_sdk_is_loaded_by_its_command_alone() -> None:
    code = "import sys, search_app.cli.program; print([name for name in ('mcp', 'mcp_types') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_configuration_of_the_page_works(lite_sample: Path, tmp_path: Path) -> None:
    page = (ROOT / "docs" / "programs.md").read_text("utf-8")
    told = json.loads(re.search(r"```json\n(.*?)```", page, re.DOTALL)[1])["mcpServers"]["pictures"]
    assert told["command"] == "/path/to/search/.venv/bin/python"
    assert told["env"].pop("SEARCH_INDEX_DIR") == "/path/to/search/qdrant_storage"
    env = {name: value.replace("/path/to/search", str(ROOT)) for name, value in told["env"].items()}
    env["SEARCH_INDEX_DIR"] = str(lite_sample / "qdrant_storage")
    server = StdioServerParameters(command=sys.executable, args=told["args"], env=env, cwd=tmp_path)

    async def look() -> CallToolResult:
        async with Client(server) as assistant:
            return await assistant.call_tool("get_image", {"picture_id": 1})

    assert anyio.run(look).content[0].mime_type == "image/jpeg"


def test_the_page_names_every_tool() -> None:
    page = (ROOT / "docs" / "programs.md").read_text("utf-8").split("| Tool |")[1].split("\n\n")[0]
    assert re.findall(r"^\| `(\w+)`", page, re.MULTILINE) == list(TITLES)
