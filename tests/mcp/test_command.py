"""`python -m search_app mcp`, started as an assistant's program starts it."""

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


def test_a_model_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    done = search_app("mcp", "--model", "no-such-model", cwd=tmp_path)
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith("error: ")
    assert "Traceback" not in done.err


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
