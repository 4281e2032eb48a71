"""Processes that prepare pictures, where threads would wait for the lock of one interpreter.

Each picture holds that lock for 1 to 2 ms, whoever decodes it: one process prepares some 400 a second, however many
cores it has. A GPU takes tens of thousands.
"""

import os
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing import get_context, parent_process
from multiprocessing.process import BaseProcess

from search_app.ingest.ahead import batches, prepare_ahead
from search_app.ingest.in_flight import apart
from search_app.ingest.plan import Embed
from search_app.ingest.prepare import KILLED, Prepared, Reading, prepare_one

WORTH_FROM = 1_000
"""Pictures: fewer are prepared by threads before processes have begun."""
CORES = 4
"""Up to so many, threads are no slower."""
AT_ONCE = 8
"""Pictures that go to a process and come back together: sending costs this one's lock, too."""


def needs_processes(device: str, workers: int, count: int) -> bool:
    """Whether so many pictures are prepared by processes: where a GPU waits for them, and there are cores to do it."""
    return device == "cuda" and workers > CORES and count >= WORTH_FROM


class DecodingProcesses:
    """So many processes. A picture that kills the one that prepares it costs itself only."""

    def __init__(self, reading: Reading, count: int) -> None:
        self._reading, self._count, self._lock = reading, count, threading.Lock()
        self._pool = self._begun()

    def prepared(self, items: Sequence[Embed], *, ahead: int) -> Iterator[Prepared]:
        """All of `items` in their order, at most about `ahead` of them before they are taken."""
        chunks = [*batches(items, AT_ONCE)]
        # As many threads wait for processes as there are processes, and half as many have the next one lying ready.
        threads = self._count + self._count // 2
        for done in prepare_ahead(self._chunk, chunks, workers=threads, ahead=max(threads, ahead // AT_ONCE)):
            yield from done

    def close(self) -> None:
        """End them; what is being prepared is not waited for."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _chunk(self, items: list[Embed]) -> list[Prepared]:
        work, pool = partial(prepare_some, items, self._reading), self._pool
        try:
            return pool.submit(work).result()
        except BrokenProcessPool:  # by one of these pictures, or by one that was being prepared beside them
            self._replace(pool)
        done = apart(work)
        return done or [self._alone(item) for item in items]

    def _alone(self, item: Embed) -> Prepared:
        return apart(partial(prepare_one, item, self._reading)) or Prepared(item, None, None, KILLED)

    def _begun(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(self._count, mp_context=get_context("spawn"), initializer=_stay_with_the_run)

    def _replace(self, broken: ProcessPoolExecutor) -> None:
        with self._lock:
            if self._pool is broken:
                self._pool = self._begun()


def prepare_some(items: Sequence[Embed], reading: Reading) -> list[Prepared]:
    """`prepare_one` for each; runs in another process."""
    return [prepare_one(item, reading) for item in items]


def _stay_with_the_run() -> None:
    """Leave Ctrl-C to the run, which ends its processes, and end with it where it is killed and cannot."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)
