"""The middle of an index run, from files to vectors, by whatever computes it; what is before and after is the same."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol, TypeAlias

from search_app.encoders.base import Encoder
from search_app.ingest.ahead import batches, prepare_ahead
from search_app.ingest.encode import Encoded, encode_batch
from search_app.ingest.in_flight import InFlight
from search_app.ingest.plan import Embed
from search_app.ingest.prepare import Preparation, Prepared, Reading, prepare_one
from search_app.sources.base import Source
from search_app.sources.folder import FolderSource

KILLED = "the process that decodes it dies of it (a fault in native code, or memory that ran out)"
REMOTE_THREADS = 16
"""Pictures that are asked for at once where each is waited for."""


@dataclass(frozen=True, slots=True)
class IngestOptions:
    """What the user can ask of an index run."""

    max_pixels: int
    workers: int = 0
    """Decoding threads; 0 means one for each core."""
    rebuild: bool = False
    """Embed everything again, into a fresh generation."""
    metadata: Path | None = None
    """A file about the pictures, which replaces what an earlier one said; None: that stays."""
    in_flight: Path | None = None
    """Where it is noted what is being decoded (`InFlight`); None: nowhere."""
    words: str = ""
    """Fingerprint of the words that a rebuild takes over from what it replaces (`WordsSpec`); empty for none."""

    @property
    def threads(self) -> int:
        """Decoding threads, in numbers."""
        return self.workers or os.cpu_count() or 1


class Engine(Protocol):
    """Turns files into vectors."""

    def encoded(self, items: Sequence[Embed]) -> Iterator[Sequence[Encoded]]:
        """All of `items` in their order, a batch of the encoder at a time, made a few batches ahead of who takes them.

        Raises `EncoderError` where the model is broken; what is wrong with a file is a value.
        """
        ...


MakeEngine: TypeAlias = Callable[[Source, Encoder, IngestOptions], Engine]


class LocalEngine:
    """Threads of this process read and decode, and one model encodes."""

    def __init__(self, source: Source, encoder: Encoder, options: IngestOptions) -> None:
        self._encoder = encoder
        self._preparation = Preparation(source, encoder, options.max_pixels)
        self._reading = Reading(source.location, encoder.spec, encoder.preparer, options.max_pixels)
        self._notes = options.in_flight
        is_near = isinstance(source, FolderSource)
        self._threads = options.threads if is_near or options.workers else max(options.threads, REMOTE_THREADS)

    def encoded(self, items: Sequence[Embed]) -> Iterator[Sequence[Encoded]]:
        """See `Engine.encoded`."""
        size, threads = self._encoder.spec.batch_size, self._threads
        with closing(InFlight(self._notes)) as in_flight:
            prepare = partial(self._prepared, in_flight=in_flight)
            for batch in batches(prepare_ahead(prepare, items, workers=threads, ahead=2 * size + threads), size):
                yield encode_batch(self._encoder, batch)

    def _prepared(self, item: Embed, in_flight: InFlight) -> Prepared:
        here, there = partial(self._preparation.run, item), partial(prepare_one, item, self._reading)
        return in_flight.done(item.ref.path, here, there) or Prepared(item, None, None, KILLED)
