"""Processes that prepare pictures: what threads make of them, and a process that dies costs no picture but the one."""

import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from search_app.datatypes import EncoderSpec
from search_app.encoders.stub import StubEncoder
from search_app.ingest import decoders
from search_app.ingest.decoders import AT_ONCE, DecodingProcesses, needs_processes
from search_app.ingest.engine import IngestOptions, LocalEngine
from search_app.ingest.plan import Embed, plan_run
from search_app.ingest.prepare import KILLED, Preparation, Prepared, Reading
from search_app.sources.folder import FolderSource
from tests.conftest import clean_environment
from tests.ingest.ray_encoder import KILLS_DECODING, Deadly

COUNT = 5 * AT_ONCE + 3
DEADLY = ("picture-05.png", "picture-06.png", "picture-30.png")


class OnGpu(Deadly):
    """Says that it computes on a GPU; some colours kill what prepares them."""

    @property
    def spec(self) -> EncoderSpec:
        return replace(super().spec, device="cuda", batch_size=16)


@pytest.fixture
def folder(tmp_path: Path) -> FolderSource:
    for number in range(COUNT):
        Image.new("RGB", (40 + number, 30), (number, 200, 90)).save(tmp_path / f"picture-{number:02d}.png")
    (tmp_path / "picture-11.png").write_bytes(b"no picture")
    return FolderSource(tmp_path)


def make_deadly(folder: FolderSource) -> None:
    for name in DEADLY:
        Image.new("RGB", (40, 30), KILLS_DECODING).save(Path(folder.location) / name)


def items_of(folder: FolderSource) -> list[Embed]:
    return list(plan_run(folder.scan().found, [], lambda _: None).embed)


def reading_of(folder: FolderSource) -> Reading:
    return Reading(folder.location, StubEncoder().spec, Deadly().preparer, 10**6)


def told(prepared: list[Prepared]) -> list[tuple[str, str, object, bytes]]:
    pixels = [b"" if one.pixels is None else one.pixels.tobytes() for one in prepared]
    return [(one.item.ref.path, one.reason, one.picture, own) for one, own in zip(prepared, pixels, strict=True)]


def test_it_gives_what_threads_give_in_the_same_order(folder: FolderSource) -> None:
    items = items_of(folder)
    here = [Preparation(folder, StubEncoder(), 10**6).run(item) for item in items]
    with closing(DecodingProcesses(reading_of(folder), 3)) as processes:
        there = list(processes.prepared(items, ahead=20))
    assert told(there) == told(here)
    assert [one.item.ref.path for one in there if one.reason] == ["picture-11.png"]


def test_pictures_that_kill_cost_themselves_only(folder: FolderSource) -> None:
    make_deadly(folder)
    with closing(DecodingProcesses(reading_of(folder), 3)) as processes:
        prepared = list(processes.prepared(items_of(folder), ahead=20))
    assert len(prepared) == COUNT
    assert {one.item.ref.path for one in prepared if one.reason == KILLED} == set(DEADLY)
    assert sum(one.pixels is not None for one in prepared) == COUNT - len(DEADLY) - 1


def test_processes_that_are_killed_from_outside_cost_nothing(folder: FolderSource) -> None:
    with closing(DecodingProcesses(reading_of(folder), 2)) as processes:
        stream = processes.prepared(items_of(folder) * 4, ahead=AT_ONCE)
        prepared = [next(stream)]
        victims = list(processes._pool._processes)
        assert victims
        for victim in victims:
            os.kill(victim, signal.SIGKILL)
        prepared += stream
    assert sum(one.pixels is not None for one in prepared) == 4 * (COUNT - 1)
    assert not [one for one in prepared if one.reason == KILLED]


def test_a_gpu_that_would_wait_gets_processes() -> None:
    assert needs_processes("cuda", 16, 1_000)
    assert not needs_processes("cuda", 16, 999), "they would begin when all is done"
    assert not needs_processes("cuda", 4, 100_000), "threads do as well"
    assert not needs_processes("cpu", 16, 100_000), "the model needs the cores"


def test_an_index_run_for_a_gpu_outlives_a_picture_that_kills(
    folder: FolderSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By threads of its own the run would die of it."""
    make_deadly(folder)
    monkeypatch.setattr(decoders, "WORTH_FROM", COUNT)
    engine = LocalEngine(folder, OnGpu(), IngestOptions(10**6, workers=5, in_flight=tmp_path / "notes" / "x.log"))
    encoded = [one for batch in engine.encoded(items_of(folder)) for one in batch]
    assert {one.item.ref.path for one in encoded if one.reason == KILLED} == set(DEADLY)
    assert sum(one.vector is not None for one in encoded) == COUNT - len(DEADLY) - 1


@pytest.mark.skipif(sys.platform == "win32", reason="looks at the table of processes")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_they_end_with_the_run(folder: FolderSource, number: signal.Signals) -> None:
    program = f"""
import sys, time
from tests.ingest.test_decoders import *
if __name__ == "__main__":
    folder = FolderSource(Path({folder.location!r}))
    processes = DecodingProcesses(reading_of(folder), 2)
    stream = processes.prepared(items_of(folder), ahead=AT_ONCE)
    next(stream)
    print(*processes._pool._processes, flush=True)
    time.sleep(60)
"""
    run = subprocess.Popen(
        [sys.executable, "-c", program],
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert run.stdout is not None
    children = [int(word) for word in run.stdout.readline().split()]
    assert children
    run.send_signal(number)
    run.wait(30)
    wait_for_the_end_of(children)
    assert run.communicate()[1].count("Traceback") <= 1, "the processes of the run have nothing to say"


def is_alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def wait_for_the_end_of(processes: list[int]) -> None:
    began = time.monotonic()
    while any(is_alive(process) for process in processes):
        assert time.monotonic() - began < 60
        time.sleep(0.05)


def test_a_run_that_is_left_early_leaves_nobody(folder: FolderSource) -> None:
    with closing(DecodingProcesses(reading_of(folder), 2)) as processes:
        stream = processes.prepared(items_of(folder), ahead=AT_ONCE)
        next(stream)
        children = list(processes._pool._processes)
        stream.close()
    wait_for_the_end_of(children)
