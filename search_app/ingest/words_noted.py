"""Reading printed words in this process, with notes of what is being read: a picture that kills it ends one run."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

from search_app.ingest.in_flight import InFlight
from search_app.ingest.words import ReadPicture, ToRead, WordsSource, in_threads
from search_app.ingest.words_apart import Reading, read_there
from search_app.words.base import WordReader

KILLED = "the process that reads its words dies of it (a fault in native code, or memory that ran out)"


class NotedWords:
    """See `WordsEngine`: reads as `WordsSource` does, and what the last run died of in processes of their own."""

    def __init__(self, near: WordsSource, *, notes: Path, open_reader: Callable[[], WordReader]) -> None:
        """`notes` is the file that outlives the process (`InFlight`)."""
        self._near, self._notes, self._reading = near, notes, Reading.of(near, open_reader)

    def read(self, pictures: Sequence[ToRead], workers: int = 0) -> Iterator[ReadPicture]:
        """See `WordsEngine.read`; in the order of `pictures`."""
        with closing(InFlight(self._notes)) as in_flight:
            yield from in_threads(partial(self._one, in_flight=in_flight), pictures, workers)

    def _one(self, item: ToRead, in_flight: InFlight) -> ReadPicture:
        name = item.ref.path
        found = self._near.at_hand(item)
        if found is not None:
            in_flight.clear(name)
            return found
        there = partial(read_there, [item], self._reading)
        done = in_flight.done(name, lambda: [self._near.read_now(item)], there)
        return self._near.kept(done[0]) if done else ReadPicture(name, None, KILLED)
