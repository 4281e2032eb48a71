"""A command that is forked is one that was started: the same streams, folder, environment and end."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests import warm
from tests.conftest import ROOT, clean_environment, started

WHO = """
import os, sys
print(os.getcwd(), sys.path[0], sys.argv[1:], os.environ["SEARCH_MODEL"], "SEARCH_GONE" in os.environ, __name__)
print(sys.stdin.read() == "", file=sys.stderr)
sys.exit(int(sys.argv[1]))
"""
SLEEP = "import time; print('here', flush=True); time.sleep(600)"
LOADED = "import sys; print(*(name for name in sys.argv[1:] if name in sys.modules))"
HEAVY = (
    "torch",
    "onnxruntime",
    "tokenizers",
    "qdrant_client",
    "qdrant_edge",
    "rapidocr",
    "pyarrow",
    "prometheus_client",
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with modules of its own, which are found there because it is where they are started."""
    for name, code in {"who": WHO, "sleep": SLEEP, "loaded": LOADED}.items():
        (tmp_path / f"{name}.py").write_text(code)
    monkeypatch.setenv("SEARCH_GONE", "yes")
    return tmp_path


@pytest.mark.parametrize("status", [0, 3])
def test_it_is_what_an_interpreter_started_there_is(home: Path, status: int) -> None:
    env = {"SEARCH_MODEL": "stub"}
    command = [sys.executable, "-m", "who", str(status), "a b"]
    anew = subprocess.run(
        command,
        cwd=home,
        env=clean_environment(**env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    forked = started("who", status, "a b", cwd=home, env=env)
    assert forked.communicate(60) == (anew.stdout, anew.stderr)
    assert forked.returncode == anew.returncode == status
    assert anew.stdout.startswith(f"{home} {home} ['{status}', 'a b'] stub False")


def test_it_can_be_killed_and_others_run_beside_it(home: Path) -> None:
    asleep = [started("sleep", cwd=home) for _ in range(2)]
    assert [one.poll() for one in asleep] == [None, None]
    with pytest.raises(subprocess.TimeoutExpired):
        asleep[0].wait(0.01)
    assert started("who", 4, cwd=home, env={"SEARCH_MODEL": "stub"}).wait(60) == 4
    asleep[0].kill()
    asleep[1].terminate()
    assert [one.wait(60) for one in asleep] == [-signal.SIGKILL, -signal.SIGTERM]
    with pytest.raises(ProcessLookupError):
        os.kill(asleep[0].pid, 0)


def test_no_model_and_no_engine_is_loaded_before_a_command_asks_for_it(home: Path) -> None:
    assert started("loaded", *HEAVY, "search_app.cli.program", cwd=home).communicate(60)[0].split() == [
        "search_app.cli.program"
    ]


def test_what_is_read_at_the_start_may_be_another_from_one_to_the_next(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where something that was imported set it, as the libraries of models do."""
    monkeypatch.setenv("OMP_WAIT_POLICY", "passive")
    found = warm.Process("search_app", "--version", cwd=home, env=clean_environment(PYTHONPATH=f"{ROOT}:{home}"))
    assert found.communicate(60)[0].startswith("search_app")
    assert started("search_app", "--version", cwd=home).wait(60) == 0
