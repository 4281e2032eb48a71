"""The middle of an index run, from files to vectors, by whatever computes it; what is before and after is the same."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias

from search_app.encoders.base import Encoder
from search_app.ingest.ahead import batches, prepare_ahead
from search_app.ingest.encode import Encoded, encode_batch
from search_app.ingest.plan import Embed
from search_app.ingest.prepare import Preparation
from search_app.sources.base import Source
from search_app.sources.folder import FolderSource

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
        is_near = isinstance(source, FolderSource)
        self._threads = options.threads if is_near or options.workers else max(options.threads, REMOTE_THREADS)

    def encoded(self, items: Sequence[Embed]) -> Iterator[Sequence[Encoded]]:
        """See `Engine.encoded`."""
        size, threads = self._encoder.spec.batch_size, self._threads
        prepared = prepare_ahead(self._preparation.run, items, workers=threads, ahead=2 * size + threads)
        for batch in batches(prepared, size):
            yield encode_batch(self._encoder, batch)
