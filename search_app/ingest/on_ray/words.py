"""The reading of printed words on Ray Data: tasks read the pictures, and this process keeps what they found."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from search_app.ingest.ahead import batches, prepare_ahead
from search_app.ingest.engine import REMOTE_THREADS
from search_app.ingest.on_ray.blocks import Death, Row, Tries, Work, answer, streamed
from search_app.ingest.on_ray.cluster import Cluster, connected
from search_app.ingest.words import MAX_WORKERS, ReadPicture, ToRead, WordsSource
from search_app.ingest.words_apart import Reading, read_there
from search_app.words.base import WordReader

BLOCK = 8
"""Pictures; some ten seconds of work."""


class RayWords:
    """See `WordsEngine`; Ray is started, or connected to, when there is something to read."""

    def __init__(self, near: WordsSource, *, cluster: Cluster, open_reader: Callable[[], WordReader]) -> None:
        self._near, self._cluster = near, cluster
        self._reading = Reading.of(near, open_reader)

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
        stages, beside = partial(self._stages, workers=workers), partial(read_there, reading=self._reading)
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
    return answer(row, partial(read_there, reading=reading), tries, "read")


def _killed(item: ToRead, death: Death) -> ReadPicture:
    return ReadPicture(item.ref.path, None, f"its words cannot be read: {death.reason}")
