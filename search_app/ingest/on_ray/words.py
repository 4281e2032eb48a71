"""The reading of printed words on Ray Data: tasks read the pictures, and this process keeps what they found."""

import pickle
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

from PIL import Image

from search_app.errors import ModelMismatch
from search_app.ingest.ahead import batches, prepare_ahead
from search_app.ingest.engine import REMOTE_THREADS
from search_app.ingest.on_ray.blocks import Death, Row, Tries, Work, answer, streamed
from search_app.ingest.on_ray.cluster import Cluster, connected
from search_app.ingest.prepare import source_at
from search_app.ingest.words import MAX_WORKERS, ReadPicture, ToRead, WordsSource, read_picture
from search_app.words.base import WordReader

BLOCK = 8
"""Pictures; some ten seconds of work."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a task is told."""

    location: str
    open_reader: Callable[[], WordReader]
    fingerprint: str
    max_pixels: int


class RayWords:
    """See `WordsEngine`; Ray is started, or connected to, when there is something to read."""

    def __init__(self, near: WordsSource, *, cluster: Cluster, open_reader: Callable[[], WordReader]) -> None:
        self._near, self._cluster = near, cluster
        reading = Reading(near.source.location, open_reader, near.reader.fingerprint, near.max_pixels)
        self._reading = pickle.dumps(reading)

    def read(self, pictures: Sequence[ToRead], workers: int = 0) -> Iterator[ReadPicture]:
        """See `WordsEngine.read`: what need not be read first. A worker reads one picture at a time."""
        unread = []
        at_hand = prepare_ahead(self._near.at_hand, pictures, workers=REMOTE_THREADS, ahead=len(pictures))
        for item, found in zip(pictures, at_hand, strict=True):
            if found is None:
                unread.append(item)
            else:
                yield found
        if not unread:
            return
        stages, beside = partial(self._stages, workers=workers), partial(_read, reading=self._reading)
        work = Work("the reader of words", stages, beside, _killed, self._cluster.tries)
        with connected(self._cluster):
            for block in streamed([*batches(unread, BLOCK)], work):
                yield from map(self._near.kept, block)

    def _stages(self, rows: Any, tries: Tries, workers: int) -> Any:
        import ray.data

        # On one machine no more than in a local run: each takes some hundred MB of memory.
        most = None if self._cluster.address else workers or MAX_WORKERS
        size = self._cluster.actors or most
        return rows.map(
            read_words,
            fn_kwargs={"reading": self._reading, "tries": tries},
            compute=ray.data.TaskPoolStrategy(size=size),
            num_cpus=1,
        )


def read_words(row: Row, reading: bytes, tries: Tries) -> Row:
    """Read the words in the pictures of one block; runs in a task of Ray."""
    return answer(row, partial(_read, reading=reading), tries, "read")


def _read(items: list[ToRead], reading: bytes) -> list[ReadPicture]:
    told, reader = _opened(reading)
    if not items:
        reader.read(Image.new("RGB", (64, 64), "white"))
    return [read_picture(source_at(told.location), item.ref, reader, told.max_pixels) for item in items]


@lru_cache(maxsize=1)
def _opened(pickled: bytes) -> tuple[Reading, WordReader]:
    """Once in each process; told apart by the bytes, as what is unpickled is never the same."""
    reading: Reading = pickle.loads(pickled)  # noqa: S301 - of our own driver
    reader = reading.open_reader()
    if reader.fingerprint != reading.fingerprint:
        raise ModelMismatch(
            f"a worker has another reader of words ({reader.fingerprint[:12]}) than this machine "
            f"({reading.fingerprint[:12]}): install the same version everywhere"
        )
    return reading, reader


def _killed(item: ToRead, death: Death) -> ReadPicture:
    return ReadPicture(item.ref.path, None, f"its words cannot be read: {death.reason}")
