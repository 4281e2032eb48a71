"""Reading printed words in another process, which opens a reader of its own: a worker of Ray, or one for a suspect."""

import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from PIL import Image

from search_app.errors import ModelMismatch
from search_app.ingest.prepare import source_at
from search_app.ingest.words import ReadPicture, ToRead, WordsSource, read_picture
from search_app.words.base import WordReader


@dataclass(frozen=True, slots=True)
class Reading:
    """What the other process is told."""

    location: str
    open_reader: Callable[[], WordReader]
    fingerprint: str
    max_pixels: int

    @classmethod
    def of(cls, near: WordsSource, open_reader: Callable[[], WordReader]) -> bytes:
        """Pickled: what `near` reads here is read there."""
        return pickle.dumps(cls(near.source.location, open_reader, near.reader.fingerprint, near.max_pixels))


def read_there(items: Sequence[ToRead], reading: bytes) -> list[ReadPicture]:
    """Read some pictures; of none at all a white one, which tells whether the reader works here.

    Raises `ModelMismatch` for another reader than the one that was told of.
    """
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
