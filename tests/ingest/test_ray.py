"""On Ray an index run gives what it gives here, also where workers or the whole run are killed."""

import importlib.util
import os
import pickle
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np
import psutil
import pytest
from PIL import Image

from search_app.datatypes import PrintedWords
from search_app.encoders.base import Encoder
from search_app.encoders.minilm import MiniLmSentences
from search_app.encoders.stub import StubEncoder
from search_app.errors import EncoderError, IngestError, ModelMismatch
from search_app.index.base import IndexReader
from search_app.index.edge.store import EdgeStore
from search_app.index.memory.store import MemoryStore
from search_app.ingest.encode import Encoded
from search_app.ingest.engine import IngestOptions, MakeEngine
from search_app.ingest.on_ray.cluster import Cluster, connected
from search_app.ingest.on_ray.pictures import EncodeBlock, Model, RayEngine
from search_app.ingest.on_ray.words import RayWords
from search_app.ingest.pipeline import run_ingest
from search_app.ingest.plan import Embed
from search_app.ingest.report import IngestReport, WordsReport
from search_app.ingest.words_pass import WordsParts, run_words
from search_app.sources.opening import open_source
from search_app.words.base import WordReader
from search_app.words.store import WordStore
from tests.conftest import ROOT, SAMPLE, clean_environment
from tests.ingest.ray_encoder import (
    KILLS_DECODING,
    KILLS_ENCODING,
    KILLS_READING,
    NOT_READ,
    Deadly,
    DeadlyReader,
    Hopeless,
    OtherReader,
    OtherWeights,
    SizeReader,
    SlowStub,
)
from tests.sources.conftest import S3, fill_bucket, object_store

__all__ = ["object_store"]

pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="ray is not installed"),
    # Ray warns of its own defaults.
    pytest.mark.filterwarnings(r"ignore::DeprecationWarning:ray\..*"),
]
OPTIONS = IngestOptions(max_pixels=10**6)
CLUSTER = Cluster(actors=2, object_store_bytes=80 * 2**20)
ONE_TRY = Cluster(actors=1, tries=1)
PICTURES = 32


@pytest.fixture(scope="module")
def cluster(object_store: str) -> Iterator[None]:
    """Ray on this machine for all tests of this file, with two models and the least shared memory that it takes."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**S3, "AWS_ENDPOINT_URL": object_store, "PYTHONPATH": str(ROOT)}.items():
            patch.setenv(name, value)
        with connected(CLUSTER):
            yield


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Part of the bundled sample, and files that cannot be used."""
    folder = tmp_path / "pictures"
    for path in sorted(SAMPLE.rglob("*.jpg"))[:PICTURES]:
        (folder / path.parent.name).mkdir(parents=True, exist_ok=True)
        shutil.copy(path, folder / path.parent.name)
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xffx")
    (folder / "empty.png").touch()
    (folder / "text.png").write_text("no picture")
    return folder


def paint(folder: Path, **colours: tuple[int, ...]) -> Path:
    """Small pictures of one colour each, by name."""
    folder.mkdir()
    for at, (name, colour) in enumerate(colours.items()):
        Image.new("RGB", (40 + at, 30), colour).save(folder / f"{name}.png")
    return folder


def held(reader: IndexReader) -> dict[int, tuple[object, ...]]:
    """All that is known of each picture but when its file was written, by id."""
    known = list(reader.scan())
    vectors = reader.vectors([item.id for item in known])
    return {item.id: (replace(item.picture, mtime_ns=0, version=""), vectors[item.id].tobytes()) for item in known}


def on_ray(cluster: Cluster, opens: Callable[[], Encoder]) -> MakeEngine:
    return partial(RayEngine, cluster=cluster, open_encoder=opens)


def index(folder: Path, encoder: Encoder, store: MemoryStore, engine: MakeEngine | None = None) -> IngestReport:
    return run_ingest(folder, encoder, store, OPTIONS, ignore, *([engine] if engine else []))


def loaded(content: bytes) -> object:
    return pickle.loads(content)  # noqa: S301 - made here


def joined() -> str:
    """Where the Ray of this file answers."""
    import ray

    return str(ray.get_runtime_context().gcs_address)


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
    engine: MakeEngine = partial(KillingEngine, cluster=CLUSTER, open_encoder=SlowStub)
    report = run_ingest(
        open_source("s3://sample"), SlowStub(), there, OPTIONS, lambda *step: steps.append(step), engine
    )
    assert KillingEngine.killed
    assert held(there.reader()) == held(here.reader())
    assert sorted(held(there.reader())) == [*range(1, PICTURES + 1)]
    assert [(item.path, item.reason) for item in report.skipped] == [(item.path, item.reason) for item in local.skipped]
    assert len(report.skipped) == 3
    same = {"seconds": 0, "images_per_second": 0, "folder": ""}
    assert report.to_json() | same == local.to_json() | same
    assert steps[0] == (0, PICTURES + 3, 0)
    assert steps[-1] == (PICTURES + 3, PICTURES + 3, 3)


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
    command = [sys.executable, "-m", "tests.ingest.ray_victim", str(pictures), str(tmp_path / "index"), joined()]
    keys = {name: value for name, value in os.environ.items() if name.startswith("RAY_")}
    victim = subprocess.Popen(command, cwd=ROOT, env=clean_environment(**keys), stdout=subprocess.PIPE, text=True)
    assert victim.stdout is not None
    stored = 0
    for line in victim.stdout:
        stored = int(line)
        if stored >= 12:
            break
    before = workers()
    victim.kill()
    victim.communicate(timeout=60)
    assert before
    _, alive = psutil.wait_procs(before, timeout=60)
    assert alive == []
    store, local = (EdgeStore(tmp_path / name, "images") for name in ("index", "local"))
    report = run_ingest(pictures, SlowStub(), store, OPTIONS, ignore, on_ray(CLUSTER, SlowStub))
    assert 0 < report.indexed <= PICTURES - (stored - 4)
    assert report.total == PICTURES
    run_ingest(pictures, SlowStub(), local, OPTIONS, ignore)
    with closing(store.reader()) as resumed, closing(local.reader()) as whole:
        assert held(resumed) == held(whole)


@pytest.mark.usefixtures("cluster")
def test_a_picture_that_kills_whoever_decodes_or_encodes_it_costs_itself_only(tmp_path: Path) -> None:
    good = {"a": (9, 0, 0), "b": (99, 0, 0), "d": (0, 99, 0), "e": (0, 0, 99), "f": (0, 9, 9), "h": (9, 9, 0)}
    bad = {"c": KILLS_DECODING, "g": KILLS_ENCODING}
    folder = paint(tmp_path / "pictures", **dict(sorted({**good, **bad}.items())))
    there, here = MemoryStore("images"), MemoryStore("images")
    report = index(folder, Deadly(), there, on_ray(ONE_TRY, Deadly))
    assert [(item.path, item.reason) for item in report.skipped] == [
        (name, "the process that worked on it died in each of 1 tries") for name in ("c.png", "g.png")
    ]
    for name in bad:
        (folder / f"{name}.png").unlink()
    index(folder, Deadly(), here)
    assert held(there.reader()) == held(here.reader())
    assert report.indexed == len(good)


@pytest.mark.usefixtures("cluster")
def test_a_model_that_dies_of_everything_is_not_blamed_on_the_pictures(tmp_path: Path) -> None:
    folder = paint(tmp_path / "pictures", a=(9, 0, 0), b=(99, 0, 0))
    with pytest.raises(IngestError, match="stub cannot be used on a worker, before it is given any picture"):
        index(folder, Deadly(), MemoryStore("images"), on_ray(ONE_TRY, Hopeless))


@pytest.fixture
def read_with(tmp_path: Path) -> Iterator[Callable[..., tuple[WordsReport, dict[str, PrintedWords], int]]]:
    """Reads the words of a collection of its own, and gives the report, the words by path, and pictures read here."""
    sentences, caches = MiniLmSentences(), []

    def read(folder: Path, cache: str, on: Callable[[], WordReader] | None = None):
        store, reader = MemoryStore("images"), SizeReader()
        index(folder, StubEncoder(), store)
        caches.append(WordStore(tmp_path / cache))
        parts = WordsParts(reader, sentences, caches[-1], workers=1)
        if on is not None:
            parts = replace(parts, make_engine=partial(RayWords, cluster=ONE_TRY, open_reader=on))
        report = run_words(folder, parts, StubEncoder().spec, store, ignore)
        paths = {item.id: item.picture.path for item in store.reader().scan()}
        return report, {paths[at]: one for at, one in store.reader().words([*paths]).items()}, reader.count

    yield read
    sentences.close()
    for cache in caches:
        cache.close()


@pytest.mark.usefixtures("cluster")
def test_printed_words_are_read_on_ray_as_they_are_here(tmp_path: Path, read_with) -> None:
    colours = {"a": (9, 0, 0), "b": (99, 0, 0), "c": NOT_READ, "d": KILLS_READING, "e": (0, 0, 99)}
    folder = paint(tmp_path / "pictures", **colours)
    (folder / "b.txt").write_text("big sale")
    there, on_workers, read_here = read_with(folder, "there", DeadlyReader)
    here, words, _ = read_with(folder, "here")
    reason = "its words cannot be read: the process that worked on it died in each of 1 tries"
    assert [(item.path, item.reason) for item in there.failed] == [
        *((item.path, item.reason) for item in here.failed),
        ("d.png", reason),
    ]
    assert on_workers == {path: one for path, one in words.items() if path != "d.png"}
    assert (there.read, there.with_words, read_here) == (3, 3, 0)
    # What was read is kept here: another collection asks nobody, and a reader of another kind is not needed.
    (folder / "d.png").unlink()
    (folder / "c.png").unlink()
    again, kept, read_here = read_with(folder, "there", OtherReader)
    assert (again.failed, kept, read_here) == ((), on_workers, 0)


def test_a_worker_tells_what_is_wrong_with_its_model() -> None:
    block = {"at": 0, "block": pickle.dumps([])}

    def missing() -> StubEncoder:
        raise EncoderError("no weights on this machine")

    for opens, kind in ((missing, EncoderError), (OtherWeights, ModelMismatch)):
        told = loaded(EncodeBlock(Model(opens, StubEncoder().spec))(block)["block"])
        assert isinstance(told, kind)
    problem = {"at": 0, "block": pickle.dumps(IngestError("the folder is not here"))}
    told = loaded(EncodeBlock(Model(StubEncoder, StubEncoder().spec))(problem)["block"])
    assert isinstance(told, IngestError)


def test_nothing_to_embed_starts_nothing(pictures: Path) -> None:
    nowhere = Cluster(address="nowhere:1")
    source = open_source(str(pictures))
    assert list(on_ray(nowhere, StubEncoder)(source, StubEncoder(), OPTIONS).encoded([])) == []


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
