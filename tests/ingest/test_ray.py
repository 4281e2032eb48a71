"""On Ray an index run gives what it gives here, also where workers or the whole run are killed."""

import importlib.util
import os
import pickle
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import psutil
import pytest

from search_app.encoders.stub import StubEncoder
from search_app.errors import EncoderError, IngestError, ModelMismatch
from search_app.index.base import IndexReader
from search_app.index.edge.store import EdgeStore
from search_app.index.memory import MemoryStore
from search_app.ingest.encode import Encoded
from search_app.ingest.engine import IngestOptions, MakeEngine
from search_app.ingest.pipeline import run_ingest
from search_app.ingest.plan import Embed
from search_app.ingest.ray_engine import Cluster, EncodeBlock, RayEngine, connected
from search_app.sources.opening import open_source
from tests.conftest import ROOT, SAMPLE, clean_environment
from tests.ingest.ray_encoder import OtherWeights, SlowStub
from tests.sources.conftest import S3, fill_bucket, object_store

__all__ = ["object_store"]

pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="ray is not installed"),
    # Ray warns of its own defaults.
    pytest.mark.filterwarnings(r"ignore::DeprecationWarning:ray\..*"),
]
OPTIONS = IngestOptions(max_pixels=10**6)
CLUSTER = Cluster(SlowStub, actors=2, object_store_bytes=80 * 2**20)


@pytest.fixture(scope="module")
def cluster(object_store: str) -> Iterator[None]:
    """Ray on this machine for all tests of this file, with two models and the least shared memory that it takes."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**S3, "AWS_ENDPOINT_URL": object_store, "PYTHONPATH": str(ROOT)}.items():
            patch.setenv(name, value)
        with connected(CLUSTER, SlowStub().spec) as actors:
            assert actors == 2
            yield


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Part of the bundled sample, and files that cannot be used."""
    folder = tmp_path / "pictures"
    for path in sorted(SAMPLE.rglob("*.jpg"))[:60]:
        (folder / path.parent.name).mkdir(parents=True, exist_ok=True)
        shutil.copy(path, folder / path.parent.name)
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xffx")
    (folder / "empty.png").touch()
    (folder / "text.png").write_text("no picture")
    return folder


def held(reader: IndexReader) -> dict[int, tuple[object, ...]]:
    """All that is known of each picture but when its file was written, by id."""
    known = list(reader.scan())
    vectors = reader.vectors([item.id for item in known])
    return {item.id: (replace(item.picture, mtime_ns=0, version=""), vectors[item.id].tobytes()) for item in known}


def on_ray(*parts: object) -> RayEngine:
    return RayEngine(*parts, CLUSTER)  # type: ignore[arg-type]


def loaded(content: bytes) -> object:
    return pickle.loads(content)  # noqa: S301 - made here


def ignore(*_: int) -> None:
    """Progress nobody looks at."""


def workers() -> list[psutil.Process]:
    """The processes of Ray that hold a model."""
    return [each for each in psutil.Process().children(recursive=True) if "EncodeBlock" in name_of(each)]


def name_of(process: psutil.Process) -> str:
    """What it calls itself; nothing where it has ended."""
    with suppress(psutil.NoSuchProcess):
        return " ".join(process.cmdline())
    return ""


class KillingEngine(RayEngine):
    """Kills a worker when its first block has come out."""

    killed: ClassVar[list[int]] = []

    def encoded(self, items: Sequence[Embed]) -> Iterator[Sequence[Encoded]]:
        for batch in super().encoded(items):
            if not self.killed:
                [victim, *_] = workers()
                victim.send_signal(signal.SIGKILL)
                victim.wait(60)
                self.killed.append(victim.pid)
            yield batch


@pytest.mark.usefixtures("cluster")
def test_from_a_bucket_with_a_worker_killed_the_index_is_that_of_the_folder(
    pictures: Path, monkeypatch: pytest.MonkeyPatch, object_store: str
) -> None:
    for name, value in {**S3, "AWS_ENDPOINT_URL": object_store}.items():
        monkeypatch.setenv(name, value)
    fill_bucket("sample", pictures)
    here, there = MemoryStore("images"), MemoryStore("images")
    local = run_ingest(pictures, SlowStub(), here, OPTIONS, ignore)
    steps: list[tuple[int, ...]] = []
    engine: MakeEngine = lambda *parts: KillingEngine(*parts, CLUSTER)
    report = run_ingest(
        open_source("s3://sample"), SlowStub(), there, OPTIONS, lambda *step: steps.append(step), engine
    )
    assert KillingEngine.killed
    assert held(there.reader()) == held(here.reader())
    assert sorted(held(there.reader())) == [*range(1, 61)]
    assert [(item.path, item.reason) for item in report.skipped] == [(item.path, item.reason) for item in local.skipped]
    assert len(report.skipped) == 3
    same = {"seconds": 0, "images_per_second": 0, "folder": ""}
    assert report.to_json() | same == local.to_json() | same
    assert steps[0] == (0, 63, 0)
    assert steps[-1] == (63, 63, 3)


@pytest.mark.usefixtures("cluster")
def test_nobody_beyond_this_machine_can_talk_to_it() -> None:
    listening = []
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            listening += [
                each.laddr.ip for each in process.net_connections("inet") if each.status == psutil.CONN_LISTEN
            ]
    assert listening
    assert {address.removeprefix("::ffff:") for address in listening} == {"127.0.0.1"}
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"
    assert len(os.environ["RAY_AUTH_TOKEN"]) == 64


@pytest.mark.usefixtures("cluster")
def test_a_run_that_was_killed_goes_on_where_it_was(pictures: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.ingest.ray_victim", str(pictures), str(tmp_path / "index")]
    victim = subprocess.Popen(command, cwd=ROOT, env=clean_environment(), stdout=subprocess.PIPE, text=True)
    assert victim.stdout is not None
    stored = 0
    for line in victim.stdout:
        stored = int(line)
        if stored >= 12:
            break
    ours = psutil.Process(victim.pid).children(recursive=True)
    victim.kill()
    victim.communicate(timeout=60)
    _, alive = psutil.wait_procs([each for each in ours if "Agent" not in name_of(each)], timeout=60)
    assert alive == []
    for agent in ours:  # these end by themselves, when they have given up telling the dead: a minute
        with suppress(psutil.NoSuchProcess):
            agent.kill()
    store, local = (EdgeStore(tmp_path / name, "images") for name in ("index", "local"))
    report = run_ingest(pictures, SlowStub(), store, OPTIONS, ignore, on_ray)
    assert 0 < report.indexed <= 60 - (stored - 4)
    assert report.total == 60
    run_ingest(pictures, SlowStub(), local, OPTIONS, ignore)
    with closing(store.reader()) as resumed, closing(local.reader()) as whole:
        assert held(resumed) == held(whole)


def test_a_worker_tells_what_is_wrong_with_its_model() -> None:
    block = {"block": pickle.dumps([])}

    def missing() -> StubEncoder:
        raise EncoderError("no weights on this machine")

    for opens, kind in ((missing, EncoderError), (OtherWeights, ModelMismatch)):
        told = loaded(EncodeBlock(opens, StubEncoder().spec)(block)["block"])
        assert isinstance(told, kind)
    problem = {"block": pickle.dumps(IngestError("the folder is not here"))}
    assert isinstance(loaded(EncodeBlock(StubEncoder, StubEncoder().spec)(problem)["block"]), IngestError)


def test_nothing_to_embed_starts_nothing(pictures: Path) -> None:
    engine = RayEngine(open_source(str(pictures)), StubEncoder(), OPTIONS, Cluster(StubEncoder, address="nowhere:1"))
    assert list(engine.encoded([])) == []


@pytest.mark.parametrize("name", ["stub", "lite"])
def test_what_prepares_pictures_can_be_sent(name: str) -> None:
    from PIL import Image

    from search_app.settings import load_settings
    from search_app.wiring import open_encoder

    encoder = open_encoder(load_settings(model=name))
    picture = Image.effect_mandelbrot((300, 200), (-2, -1, 1, 1), 50).convert("RGB")
    sent = loaded(pickle.dumps(encoder.preparer))
    assert np.array_equal(sent(picture), encoder.prepare(picture))
    encoder.close()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--engine", "ray"], "pip install -r requirements-scale.txt"),
        (["--actors", "2"], "add that, or leave them out"),
        (["--engine", "ray", "--actors", "0"], "at least one is needed"),
    ],
    ids=["missing", "without", "none"],
)
def test_the_command_says_what_is_wrong(arguments: list[str], told: str, pictures: Path) -> None:
    code = (
        "import sys; sys.modules['ray'] = None; from search_app.cli.program import main; sys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", code, "index", str(pictures), *arguments]
    env = clean_environment(SEARCH_MODEL="stub")
    done = subprocess.run(command, cwd=pictures.parent, env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, told in done.stderr) == (2, True), done.stderr
    assert not (pictures.parent / "qdrant_storage").exists()
