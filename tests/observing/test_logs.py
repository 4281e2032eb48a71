"""The log: a line a request, for people or for programs, with ids and stages and without secrets and tricks."""

import json
import logging
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from PIL import Image

from search_app.api.guarding.keys import Scope, new_key
from search_app.api.observing.logs import JsonLines, PlainLines
from tests import warm
from tests.conftest import free_port, search_app, started

KEY, LINE = new_key("ann", Scope.ADMIN)
WISH = "a secret wish"
TRICK = "\x1b[2J\u2028\r\nINFO: forged \x9b31m"
SERVE = ("search_app", "serve")
UVICORN = ("uvicorn", "search_app.main:app")


@dataclass
class Running:
    """A service and its log."""

    url: str
    log: Path
    process: warm.Process

    def asked(self) -> None:
        """Ask what the tests look for in the log."""
        with httpx.Client(base_url=self.url, headers={"x-api-key": KEY}, timeout=60) as client:
            client.get("/search", params={"query": WISH}, headers={"x-request-id": "first"})
            client.get("/search", params={"query": WISH}, headers={"x-request-id": "again"})
            client.post("/search", json={"query": f"{WISH} {TRICK}"}, headers={"x-request-id": "posted"})
            client.get("/images/1", headers={"x-request-id": "picture"})
            client.get(f"/{quote(TRICK)}", headers={"x-request-id": "trick"})
            client.get("/info", headers={"x-api-key": "guessed-4711", "x-request-id": "guess"})

    def stop(self) -> str:
        self.process.terminate()
        self.process.wait(60)
        return self.log.read_text()


Start = Callable[..., Running]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("logs")
    (home / "pictures").mkdir()
    Image.new("RGB", (64, 48), "red").save(home / "pictures" / "red.png")
    assert search_app("index", "pictures", cwd=home, env={"SEARCH_MODEL": "stub"}).status == 0
    return home


@pytest.fixture
def start(home: Path, tmp_path: Path) -> Iterator[Start]:
    running: list[Running] = []

    def start_one(command: tuple[str, ...], **env: str) -> Running:
        port, log = free_port(), tmp_path / "log"
        secrets = {"SEARCH_API_KEYS": LINE, "QDRANT_API_KEY": "of-the-cluster-4711"}
        settings = {"SEARCH_MODEL": "stub", **secrets, **env}
        process = started(*command, "--port", port, cwd=home, env=settings, log=log)
        running.append(Running(f"http://127.0.0.1:{port}", log, process))
        end = time.monotonic() + 120
        while time.monotonic() < end and process.poll() is None:
            try:
                httpx.get(f"{running[-1].url}/healthz")
                return running[-1]
            except httpx.TransportError:
                time.sleep(0.05)
        pytest.fail(log.read_text())

    yield start_one
    for one in running:
        one.process.kill()
        one.process.wait(60)


def test_plain_lines_tell_stages_and_keys_and_not_what_was_asked(start: Start) -> None:
    service = start(SERVE)
    service.asked()
    log = service.stop()
    lines = log.splitlines()
    [first] = [line for line in lines if "[first]" in line]
    assert first.startswith("INFO:     [first] 127.0.0.1:")
    assert ' - "GET /search HTTP/1.1" 200 OK ' in first
    assert all(f" {word}=" in first for word in ("encode", "search", "serialise", "wait"))
    assert first.endswith(" key=ann memory=miss")
    [guess] = [line for line in lines if "[guess]" in line]
    assert guess.endswith("refused=unknown_key")
    assert_clean(log)
    assert "wish" not in log
    assert any("Started server process" in line for line in lines)
    assert [line for line in lines if not line.startswith(("INFO:", "WARNING:", "ERROR:", "DEBUG:"))] == []


@pytest.mark.parametrize("command", [SERVE, UVICORN], ids=["serve", "uvicorn"])
def test_json_lines_are_whole_however_the_service_is_started(start: Start, command: tuple[str, ...]) -> None:
    service = start(command, SEARCH_LOG_FORMAT="json", SEARCH_LOG_QUERIES="on" if command is SERVE else "off")
    service.asked()
    log = service.stop()
    lines = log.splitlines()
    if command is UVICORN:  # what it says before it reads any settings is its own
        lines = [line for line in lines if not line.startswith("INFO:     ")]
    entries = [json.loads(line) for line in lines]
    assert all({"time", "level", "logger", "request_id"} <= entry.keys() for entry in entries)
    by_id = {entry["request_id"]: entry for entry in entries}
    first = by_id["first"]
    assert first | {"method": "GET", "path": "/search", "route": "/search", "status": 200, "key": "ann"} == first
    assert (first["memory"], by_id["again"]["memory"]) == ("miss", "hit")
    assert first["seconds"] >= sum(first["stages"].values()) > 0
    assert set(first["stages"]) == {"wait", "encode", "search", "serialise"}
    assert set(by_id["posted"]["stages"]) == {"wait", "encode", "search", "fuse", "arrange", "fetch", "serialise"}
    assert "stages" not in by_id["again"]
    assert (by_id["picture"]["route"], by_id["picture"]["path"]) == ("/images/{image_id}", "/images/1")
    assert (by_id["guess"]["status"], by_id["guess"]["refused"]) == (401, "unknown_key")
    assert "key" not in by_id["guess"]
    assert_clean(log)
    if command is SERVE:
        assert first["queries"] == [WISH]
        assert first["query_string"] == "query=a+secret+wish"
        assert by_id["posted"]["queries"][0].startswith(WISH)
    else:
        assert "wish" not in log


def assert_clean(log: str) -> None:
    """No secret, and nothing but what a terminal prints."""
    assert [secret for secret in (KEY, LINE.rpartition(":")[2], "4711") if secret in log] == []
    assert {character for character in log if not character.isprintable()} <= {"\n"}
    assert [line for line in log.splitlines() if line.startswith("INFO: forged")] == []


def record(message: str, *arguments: object, **more: Any) -> logging.LogRecord:
    made = logging.LogRecord("search_app.somewhere", logging.ERROR, "file.py", 1, message, arguments, None)
    made.__dict__.update(request_id="one", **more)
    return made


def test_no_name_in_a_message_steers_a_terminal() -> None:
    for line in (PlainLines().format(record("bad file %s", TRICK)), JsonLines().format(record("bad file %s", TRICK))):
        assert line.isprintable()
    assert json.loads(JsonLines().format(record("bad file %s", TRICK)))["message"] == f"bad file {TRICK}"


def test_errors_come_with_their_id_and_event_and_traceback() -> None:
    try:
        int(TRICK)
    except ValueError:
        failed = record("it broke", event="model_stuck", exc_info=sys.exc_info())
    entry = json.loads(JsonLines().format(failed))
    assert (entry["request_id"], entry["event"], entry["level"]) == ("one", "model_stuck", "error")
    assert "ValueError" in entry["exception"]
    assert "test_logs.py" in entry["exception"]
    plain = PlainLines().format(failed)
    assert plain.startswith("ERROR:    [one] it broke\nTraceback")
    assert {character for character in plain if not character.isprintable()} == {"\n"}


def test_a_wrong_format_stops_the_start(tmp_path: Path) -> None:
    done = search_app("serve", cwd=tmp_path, env={"SEARCH_MODEL": "stub", "SEARCH_LOG_FORMAT": "xml"})
    assert done.status == 2
    assert "SEARCH_LOG_FORMAT='xml'" in done.err
