"""What every test stands on: a clean environment, and real services started the way a user starts them."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).resolve().parents[1]
SAMPLE = ROOT / "sample" / "images"
SHARED_ADS = ROOT.parent / "shared" / "ads"
READ_BY_SETTINGS = ("SEARCH_", "QDRANT_")


def clean_environment(**changes: str) -> dict[str, str]:
    """This process's environment without the product's settings, and with `changes`.

    Words in pictures are not read unless asked for: that takes longer than all else that `index` does.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(READ_BY_SETTINGS)}
    return {**kept, "PYTHONPATH": str(ROOT), "SEARCH_WORDS": "off", **changes}


@pytest.fixture(autouse=True)
def _clean_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test reads the developer's variables or .env, and none writes into the project."""
    for name in os.environ:
        if name.startswith(READ_BY_SETTINGS):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@dataclass(frozen=True)
class Done:
    """A finished command."""

    status: int
    out: str
    err: str


def search_app(*arguments: object, cwd: Path, env: Mapping[str, str] | None = None, limit: float = 240) -> Done:
    """Run `python -m search_app ...` as a user does."""
    command = [sys.executable, "-m", "search_app", *map(str, arguments)]
    done = subprocess.run(
        command,
        cwd=cwd,
        env=clean_environment(**(env or {})),
        capture_output=True,
        text=True,
        timeout=limit,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Service:
    """A running service and a client for it."""

    process: subprocess.Popen[str]
    url: str
    client: httpx.Client

    def stop(self) -> str:
        self.client.close()
        self.process.terminate()
        out, _ = self.process.communicate(timeout=30)
        return out


def start_service(cwd: Path, env: Mapping[str, str], *, ready: bool = True, limit: float = 60) -> Service:
    """Start uvicorn with the product's app on a free port and wait until it is alive (or ready)."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", "search_app.main:app", "--port", str(port), "--log-level", "warning"],
        cwd=cwd,
        env=clean_environment(**env),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    url = f"http://127.0.0.1:{port}"
    service = Service(process, url, httpx.Client(base_url=url, timeout=30))
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        if process.poll() is not None:
            pytest.fail(
                f"the service ended with {process.returncode}: {process.stdout.read() if process.stdout else ''}"
            )
        try:
            if service.client.get("/readyz" if ready else "/healthz").status_code == httpx.codes.OK:
                return service
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    service.process.kill()
    pytest.fail(f"the service was not {'ready' if ready else 'alive'} within {limit} s")


@pytest.fixture(scope="session")
def lite_sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose `qdrant_storage` holds the bundled sample, indexed with `lite` by the command."""
    home = tmp_path_factory.mktemp("lite_sample")
    done = search_app("index", SAMPLE, cwd=home, env={"SEARCH_MODEL": "lite"})
    assert done.status == 0, done.err
    return home


@pytest.fixture(scope="session")
def lite_service(lite_sample: Path) -> Iterator[Service]:
    """The service over the bundled sample with `lite`."""
    service = start_service(lite_sample, {"SEARCH_MODEL": "lite"})
    yield service
    service.stop()
