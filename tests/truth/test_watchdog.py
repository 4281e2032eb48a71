"""A model that is stuck is noticed, replaced, and in the end the process with it."""

import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

import httpx
import psutil
import pytest

from search_app.datatypes import FloatMatrix
from search_app.encoders.stub import StubEncoder
from search_app.encoders.threads import LeavableThreads, Overdue
from search_app.encoders.watched import EXIT_STATUS, MOST_LEFT, Watch, WatchedEncoder
from search_app.errors import EncoderError, EncoderStuck
from tests.conftest import free_port, started
from tests.truth.conftest import World
from tests.truth.made_model import FOREVER


class Stuck(StubEncoder):
    """Holds on to a text until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.let_go = threading.Event()

    def encode_texts(self, texts: Sequence[str]) -> FloatMatrix:
        if texts == [FOREVER]:
            self.let_go.wait()
        return super().encode_texts(texts)


class Openings:
    """Opens encoders that can be stuck, and keeps them in sight."""

    def __init__(self) -> None:
        self.made: list[Stuck] = []
        self.fail = False
        self.gave_up = threading.Event()
        self.watch = Watch(0.3, give_up=self.gave_up.set)

    def open(self) -> Stuck:
        if self.fail:
            self.fail = False
            raise EncoderError("no weights for the moment")
        self.made.append(Stuck())
        return self.made[-1]

    def let_all_go(self) -> None:
        for encoder in self.made:
            encoder.let_go.set()


@pytest.fixture
def openings():
    made = Openings()
    yield made
    made.let_all_go()


def wait_until(is_so: Callable[[], bool], limit: float = 180) -> None:
    give_up = time.monotonic() + limit
    while not is_so():
        assert time.monotonic() < give_up
        time.sleep(0.01)


def answers(encoder: WatchedEncoder) -> bool:
    try:
        return encoder.encode_texts(["red"]).shape == (1, encoder.spec.dim)
    except EncoderStuck:
        return False


def test_a_call_that_is_stuck_is_told_in_time_and_the_next_model_answers(openings: Openings) -> None:
    encoder = WatchedEncoder(openings.open, openings.watch)
    assert answers(encoder)
    with pytest.raises(EncoderStuck, match="gave no answer in"):
        encoder.encode_texts([FOREVER])
    wait_until(lambda: answers(encoder))
    assert len(openings.made) == 2
    encoder.close()


def test_several_calls_that_are_stuck_in_one_model_replace_it_once(openings: Openings) -> None:
    encoder = WatchedEncoder(openings.open, openings.watch)

    def ask() -> None:
        with pytest.raises(EncoderStuck):
            encoder.encode_texts([FOREVER])

    asking = [threading.Thread(target=ask) for _ in range(5)]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    wait_until(lambda: answers(encoder))
    assert len(openings.made) <= MOST_LEFT + 1
    assert not openings.gave_up.is_set()
    encoder.close()


def test_one_model_more_than_can_be_left_ends_the_process(openings: Openings) -> None:
    encoder = WatchedEncoder(openings.open, openings.watch)
    for number in range(MOST_LEFT + 1):
        assert not openings.gave_up.is_set(), number
        wait_until(lambda: answers(encoder))
        with pytest.raises(EncoderStuck):
            encoder.encode_texts([FOREVER])
    assert openings.gave_up.is_set()
    assert not answers(encoder)
    encoder.close()


def test_models_that_were_only_slow_are_not_counted(openings: Openings) -> None:
    encoder = WatchedEncoder(openings.open, openings.watch)
    for _ in range(2 * MOST_LEFT + 2):
        wait_until(lambda: answers(encoder))
        at_work = openings.made[-1]
        with pytest.raises(EncoderStuck):
            encoder.encode_texts([FOREVER])
        at_work.let_go.set()
        wait_until(lambda: all(future.done() for future in encoder._watchdog._left))
    assert not openings.gave_up.is_set()
    encoder.close()


def test_a_fresh_model_that_cannot_be_opened_is_tried_again(openings: Openings, monkeypatch) -> None:
    monkeypatch.setattr("search_app.encoders.watched._AGAIN_S", 0.01)
    encoder = WatchedEncoder(openings.open, openings.watch)
    openings.fail = True
    with pytest.raises(EncoderStuck):
        encoder.encode_texts([FOREVER])
    wait_until(lambda: answers(encoder))
    encoder.close()


def test_a_fresh_model_that_is_another_one_is_not_taken(openings: Openings, monkeypatch) -> None:
    monkeypatch.setattr("search_app.encoders.watched._AGAIN_S", 0.01)
    encoder = WatchedEncoder(openings.open, openings.watch)
    encoder._watchdog._fingerprint = "as if the files had been those of another model"
    with pytest.raises(EncoderStuck):
        encoder.encode_texts([FOREVER])
    wait_until(lambda: len(openings.made) > 3)
    with pytest.raises(EncoderStuck, match="opened"):
        encoder.encode_texts(["red"])
    encoder.close()


def test_what_a_model_raises_comes_through(openings: Openings) -> None:
    encoder = WatchedEncoder(openings.open, openings.watch)
    openings.made[0].close()
    with pytest.raises(EncoderError, match="stub is closed"):
        encoder.encode_texts(["red"])
    encoder.close()
    with pytest.raises(EncoderStuck, match="was closed"):
        encoder.encode_texts(["red"])


def test_threads_are_used_again_and_end() -> None:
    threads = LeavableThreads("tried")
    names = {threads.run(threading.get_ident, 10) for _ in range(20)}
    assert len(names) == 1
    held = threading.Event()
    with pytest.raises(Overdue):
        threads.run(held.wait, 0.01)
    assert threads.run(threading.get_ident, 10) not in names
    with pytest.raises(TimeoutError):
        threads.run(_raise_timeout, 10)
    held.set()
    threads.close()
    wait_until(lambda: not [thread for thread in threading.enumerate() if thread.name == "tried"])


def _raise_timeout() -> None:
    raise TimeoutError("of the call itself")


class Served:
    """`serve` in a process of its own, with a short deadline for the model."""

    def __init__(self, world: World, *options: str) -> None:
        self.port = free_port()
        self.log = world.home / "log"
        command = ("serve", "--port", self.port, *options)
        env = {**world.env, "SEARCH_MODEL_SECONDS": "1"}
        self.process = started("search_app", *command, cwd=world.home, env=env, log=self.log)
        try:
            wait_until(lambda: self.status("/readyz") == 200)
        except BaseException:
            self.close()
            raise

    def status(self, path: str) -> int:
        """0 where nobody answers."""
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}{path}", timeout=30).status_code
        except httpx.TransportError:
            return 0

    def said(self) -> str:
        return self.log.read_text("utf-8")

    def close(self) -> None:
        self.process.kill()
        self.process.wait()


def test_a_service_survives_a_native_call_that_never_ends_and_in_the_end_ends_itself(world: World) -> None:
    served = Served(world)
    try:
        assert served.status("/search?query=red") == 200
        for _ in range(MOST_LEFT):
            assert served.status(f"/search?query={FOREVER}") == 503
            wait_until(lambda: served.status("/readyz") == 200)
            assert served.status("/search?query=red+car") == 200
        assert served.status(f"/search?query={FOREVER}") in {0, 503}
        assert served.process.wait(timeout=60) == EXIT_STATUS
        assert "this process ends, to be started again" in served.said()
    finally:
        served.close()


def test_a_worker_that_dies_in_native_code_is_replaced(world: World) -> None:
    served = Served(world, "--workers", "2")
    try:
        pids = workers_of(served.process.pid)
        os.kill(pids[0], signal.SIGSEGV)
        wait_until(lambda: len(set(workers_of(served.process.pid)) - {pids[0]}) == 2)
        wait_until(lambda: {served.status("/readyz") for _ in range(20)} == {200})
    finally:
        served.process.terminate()
        assert served.process.wait(timeout=60) == 0
        served.close()


def workers_of(pid: int) -> list[int]:
    """The processes that serve: children of uvicorn's parent, without the tracker of shared resources."""
    found = []
    for child in psutil.Process(pid).children():
        with suppress(psutil.Error):  # one that has just ended
            found += [child.pid] if "spawn_main" in " ".join(child.cmdline()) else []
    return found
