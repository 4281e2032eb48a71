"""A start that is interrupted, and one that cannot succeed, end at once, in a sentence, and leave nothing."""

import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from search_app.cli.program import main
from tests.conftest import clean_environment, free_port
from tests.truth.conftest import World


@pytest.mark.parametrize("moment", ["Waiting for application startup", "startup complete"])
def test_a_start_that_is_told_to_stop_stops_and_leaves_nothing(world: World, moment: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "search_app", "serve", "--port", str(free_port())],
        cwd=world.home,
        env=clean_environment(**world.env, PYTHONUNBUFFERED="1"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    before = {path.name for path in (world.home / "qdrant_storage" / "images").iterdir()}
    said = ""
    for line in process.stdout or ():
        said += line
        if moment in line:
            break
    engines = psutil.Process(process.pid).children()
    process.send_signal(signal.SIGTERM)
    rest, _ = process.communicate(timeout=60)
    assert moment in said
    assert "Traceback" not in said + rest
    assert process.returncode in {0, -signal.SIGTERM}
    psutil.wait_procs(engines, timeout=30)
    assert not [engine for engine in engines if engine.is_running()]
    assert {path.name for path in (world.home / "qdrant_storage" / "images").iterdir()} == before


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_port_that_is_taken_is_told_in_one_sentence(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], workers: str
) -> None:
    monkeypatch.chdir(world.home)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["serve", "--port", str(port), "--workers", workers]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert told.startswith(f"error: cannot listen on 127.0.0.1 port {port}: Address already in use")


@pytest.mark.parametrize("port", ["x", "-1", "99999"])
def test_a_port_that_is_none_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], port: str, tmp_path: Path
) -> None:
    monkeypatch.setenv("PORT", port)
    assert main(["serve"]) == 2
    assert port in capsys.readouterr().err
