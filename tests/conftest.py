"""What every test stands on: a clean environment, and real services started the way a user starts them.

`./run_tests.sh` alone runs several files at a time, each in one of several processes (pytest-xdist, `loadfile`). So a
test may count on the other tests of its file, and on nothing else: it takes its port from `free_port`, looks only
at processes and folders of its own, waits for events with a patient deadline, and puts what is costly to make and never
changed into `made_once`.
"""

import gc
import os
import random
import shutil
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from filelock import FileLock

from tests import warm

ROOT = Path(__file__).resolve().parents[1]
SAMPLE = ROOT / "sample" / "images"
SHARED_ADS = ROOT.parent / "shared" / "ads"
READ_BY_SETTINGS = ("SEARCH_", "QDRANT_")
LONGEST = (
    "ingest/test_ray.py",
    "relevance/test_gate.py",
    "docs/test_docs.py",
    "e2e/test_search_page.py",
    "encoders/test_onnx_clip.py",
    "architecture/test_house.py",
    "training/test_train_adapter_command.py",
    "training/test_lite_training.py",
    "training/test_train_lite_command.py",
    "index/test_profile_edge.py",
    "benchmarks/test_query.py",
    "benchmarks/test_vectors.py",
    "benchmarks/test_towers.py",
    "chaos/test_switches.py",
    "evaluation/test_compare_models.py",
    "e2e/test_words.py",
    "e2e/test_quickstart.py",
    "e2e/test_judging_round.py",
    "notebooks/test_notebooks.py",
    "moving/test_commands.py",
    "training/test_finetune.py",
)
"""Files that take a minute or more, longest first: begun last, they would leave cores without work at the end."""
# Tensors of a few numbers: a second thread of torch would only spin, and wait wherever the other core is busy. Where it
# was, a fine-tuning took 40 s of processor time instead of 9. Read when torch is loaded, here and in what tests start.
os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files; the order within a file stays."""
    place = {ROOT / "tests" / name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path, len(place)))


def pytest_collection_finish() -> None:
    """What was imported and collected stays: to look for garbage in it again and again takes longer than many tests."""
    gc.collect()
    gc.freeze()


def clean_environment(**changes: str) -> dict[str, str]:
    """This process's environment without the product's settings, and with `changes`.

    Words in pictures are not read unless asked for: that takes longer than all else that `index` does.
    Nor are pictures added or removed: many services answer from the bundled sample, and some are asked anything.
    """
    # As in run_tests.sh: whoever starts pytest himself may have it.
    dropped = (*READ_BY_SETTINGS, "PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    return {**kept, "PYTHONPATH": str(ROOT), "SEARCH_WORDS": "off", "SEARCH_WRITES": "off", **changes}


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
    running = started("search_app", *arguments, cwd=cwd, env=env)
    try:
        out, err = running.communicate(limit)
    finally:
        running.kill()
    return Done(running.wait(), out, err)


def started(
    module: str, *arguments: object, cwd: Path, env: Mapping[str, str] | None = None, log: Path | None = None
) -> warm.Process:
    """`python -m module ...` in a process of its own, that is spared the imports; see `warm.Process`."""
    return warm.Process(module, *map(str, arguments), cwd=cwd, env=clean_environment(**(env or {})), log=log)


def pytest_unconfigure() -> None:
    warm.close()


def free_port() -> int:
    """A port where nobody listens, below those that systems give to outgoing connections.

    One of those could be taken by the connection of another test before the service has come so far.
    """
    while True:
        port = _ANY.randrange(15_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


_ANY = random.SystemRandom()
"""No seed that a test sets gives two workers the same port."""


def made_once(temp: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """A folder that `make` fills for all workers: the first who asks does, the others wait. Not to be changed."""
    common = temp.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        common = common.parent
    folder, complete = common / name, common / f"{name}.complete"
    with FileLock(common / f"{name}.lock"):
        if not complete.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            complete.touch()
    return folder


@dataclass
class Service:
    """A running service and a client for it."""

    process: warm.Process
    url: str
    client: httpx.Client

    def stop(self) -> str:
        self.client.close()
        self.process.terminate()
        return "".join(self.process.communicate(timeout=30))


def start_service(cwd: Path, env: Mapping[str, str], *, ready: bool = True, limit: float = 240) -> Service:
    """Start uvicorn with the product's app on a free port and wait until it is alive (or ready).

    Seconds where the machine has nothing else to do, minutes where it has far too much.
    """
    port = free_port()
    arguments = ("search_app.main:app", "--port", port, "--log-level", "warning")
    process = started("uvicorn", *arguments, cwd=cwd, env=env)
    url = f"http://127.0.0.1:{port}"
    service = Service(process, url, httpx.Client(base_url=url, timeout=120))
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        if process.poll() is not None:
            pytest.fail(f"the service ended with {process.returncode}: {process.communicate()}")
        try:
            if service.client.get("/readyz" if ready else "/healthz").status_code == httpx.codes.OK:
                return service
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    service.process.kill()
    pytest.fail(f"the service was not {'ready' if ready else 'alive'} within {limit} s")


def index_sample(home: Path) -> None:
    done = search_app("index", SAMPLE, cwd=home, env={"SEARCH_MODEL": "lite"})
    assert done.status == 0, done.err


@pytest.fixture(scope="session")
def lite_sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose `qdrant_storage` holds the bundled sample, indexed with `lite` by the command."""
    home = tmp_path_factory.mktemp("lite_sample")
    return shutil.copytree(made_once(tmp_path_factory, "indexed_sample", index_sample), home, dirs_exist_ok=True)


@pytest.fixture(scope="session")
def lite_service(lite_sample: Path) -> Iterator[Service]:
    """The service over the bundled sample with `lite`."""
    service = start_service(lite_sample, {"SEARCH_MODEL": "lite"})
    yield service
    service.stop()
