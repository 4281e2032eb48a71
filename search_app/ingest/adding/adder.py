"""Use case 1 while serving: pictures that come one by one are added to the indexed folder and its index, or removed.

All that a picture gets is made by the functions of an index run, so that one that comes later finds nothing to do:
file, vector, payload and groups of copies at once, printed words when that run reads them. What `add` and `remove`
returned from survives kill -9. A commit costs the same for one picture as for many, so whoever comes while one is made
shares the next (group commit: J. Gray and A. Reuter, "Transaction Processing", 1992, chapter 10).
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from search_app.datatypes import ImageRef
from search_app.encoders.base import Encoder
from search_app.encoders.soundness import checked
from search_app.errors import (
    BadRequest,
    ImageError,
    IndexInUse,
    IndexUnavailable,
    SearchAppError,
    VectorIndexError,
)
from search_app.index.base import IndexReader, IndexStore, IndexWriter
from search_app.ingest.adding.holdings import Holdings
from search_app.ingest.adding.names import check_name, require_folder_of_ours
from search_app.ingest.adding.session import Session
from search_app.ingest.adding.values import Added, NewPicture, Upload
from search_app.ingest.plan import Embed
from search_app.ingest.prepare import prepare_bytes

logger = logging.getLogger(__name__)

LOCK_PATIENCE_S = 5.0
"""Another process of the service holds the collection this long at most; an index run holds it longer."""
_LOCK_POLL_S = 0.1
_SEEN_PATIENCE_S = 10.0
_SEEN_POLL_S = 0.02


@dataclass(slots=True)
class _Job:
    """What one caller wants done under the lock, and what came of it."""

    work: Callable[[Session], list[Added]]
    done: bool = False
    added: list[Added] = field(default_factory=list)
    generation: int = 0
    error: SearchAppError | None = None


class Adder:
    """Adds and removes pictures of one collection; safe to call from several threads, and beside other processes."""

    def __init__(
        self,
        store: IndexStore,
        reader: IndexReader,
        open_encoder: Callable[[], Encoder],
        *,
        max_pixels: int,
        patience_s: float = LOCK_PATIENCE_S,
    ) -> None:
        """`reader` is the one that answers, `open_encoder` gives the model that does; both stay their owner's.

        `patience_s` is how long another writer of the collection is waited for.
        """
        self._patience_s = patience_s
        self._store, self._reader, self._encoder, self._max_pixels = store.lightly(), reader, open_encoder, max_pixels
        # Decoding and encoding leave half of the processor to the searches.
        self._looking = threading.BoundedSemaphore(max(1, (os.cpu_count() or 1) // 2))
        self._turn = threading.Lock()
        self._queue = threading.Lock()
        self._waiting: list[_Job] = []
        self._held: Holdings | None = None  # under `_turn`
        self._is_closed = False
        self.on_commit: Callable[[float], object] = float
        """Told how many seconds each commit took."""

    def add(self, pictures: Sequence[NewPicture]) -> list[Added]:
        """Add pictures, all or none; they can be found when this returns, by the reader it was given.

        Raises `BadRequest` or `NameTaken` where one of them cannot be taken, `FolderClosed` where none can, and where
        none can now `IndexUnavailable`, `IndexInUse`, `ModelMismatch`, `IngestError`, `EncoderError` or `DiskFull`.
        """
        uploads = [self._look_at(each) for each in pictures]
        return self._together(_Job(lambda session: session.add(uploads)))

    def remove(self, image_id: int) -> None:
        """Remove a picture and its file; raises `NotFound` and what `add` raises."""

        def work(session: Session) -> list[Added]:
            session.remove(image_id)
            return []

        self._together(_Job(work))

    def close(self) -> None:
        """Let what was begun end, and refuse the rest."""
        with self._queue:
            self._is_closed = True
        with self._turn:
            pass

    def _look_at(self, given: NewPicture) -> Upload:
        """All that needs no lock: the name, the picture, its vector."""
        name = check_name(given.name, given.parameter)
        # The time of a file is told when there is one.
        item = Embed(ImageRef(name, len(given.data), mtime_ns=0), None, given.meta)
        encoder = self._encoder()
        try:
            with self._looking:
                prepared = prepare_bytes(item, given.data, encoder, self._max_pixels)
                assert prepared.pixels is not None and prepared.picture is not None  # noqa: S101, PT018 - else it raises
                vectors = checked(encoder, encoder.encode_images(prepared.pixels[None]), 1)
        except ImageError as error:
            raise BadRequest(f"{name!r} cannot be used: {error}", given.parameter) from None
        return Upload(prepared.picture, given.data, np.asarray(vectors[0]))

    def _together(self, job: _Job) -> list[Added]:
        """Have a job done in the next commit, by this thread or by one that waits beside it."""
        with self._queue:
            if self._is_closed:
                raise IndexUnavailable("the service is being stopped: ask again when it has started")
            self._waiting.append(job)
        with self._turn:
            if not job.done:
                self._work()
        if job.error is not None:
            raise job.error
        self._wait_until_seen(job.generation)
        return job.added

    def _work(self) -> None:
        """Do all jobs that wait, with one commit; called by whoever has the turn."""
        jobs: list[_Job] = []
        generation = 0
        failure: SearchAppError = IndexUnavailable("adding pictures failed; the log of the service says why: try again")
        try:
            with self._open_writer() as writer:
                jobs = self._take_all()  # now: while the collection was waited for, more came
                held, self._held = Holdings.of(writer, self._held), None
                session = Session(Path(writer.manifest().folder), writer, held)
                for job in jobs:
                    _attempt(job, session)
                began = time.monotonic()
                generation = session.commit().generation
                self._held = held
                self.on_commit(time.monotonic() - began)
        except SearchAppError as error:
            failure = error
        finally:
            for job in jobs or self._take_all():
                job.generation, job.done = generation, True
                job.error = job.error or (None if generation else failure)

    def _take_all(self) -> list[_Job]:
        with self._queue:
            jobs, self._waiting = self._waiting, []
        return jobs

    def _open_writer(self) -> IndexWriter:
        """Become the one writer; raises `IndexInUse` where another stays it, and what opening the collection does."""
        give_up = time.monotonic() + self._patience_s
        folder = self._reader.manifest().folder
        while True:
            require_folder_of_ours(folder)
            try:
                writer = self._store.writer(self._encoder().spec, folder)
            except IndexInUse:
                if time.monotonic() >= give_up:
                    raise
                time.sleep(_LOCK_POLL_S)
                continue
            actual = writer.manifest().folder
            if actual == folder:
                return writer
            # Another folder was indexed a moment ago, and the reader has not followed yet.
            writer.close()
            folder = actual

    def _wait_until_seen(self, generation: int) -> None:
        """Wait until the reader answers from what was committed; it is safe already, so this gives up quietly."""
        give_up = time.monotonic() + _SEEN_PATIENCE_S
        while time.monotonic() < give_up:
            try:
                if self._reader.manifest().generation >= generation:
                    return
            except VectorIndexError as error:
                logger.debug("not seen yet: %s", error)
            time.sleep(_SEEN_POLL_S)
        logger.warning("generation %d is committed, but this process does not answer from it yet", generation)


def _attempt(job: _Job, session: Session) -> None:
    """Do one job; what it cannot do is no matter of the others."""
    try:
        job.added = job.work(session)
    except SearchAppError as error:
        job.error = error
