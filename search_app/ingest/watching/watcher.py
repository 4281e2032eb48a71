"""Use case 1 as long as a folder lives: an index run, then what happens in the folder, batch by batch.

A batch is what has come to rest. It is planned, embedded and stored by the functions of an index run and of a picture
that is sent to the service, with a light commit. The writer's lock is held while a batch is compared with the index and
while it is stored; so a service and other index runs work beside it. What events do not tell, or may have failed to
tell, a look at the whole folder finds: at the start, after an overflow, and now and then.
"""

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol

from search_app.errors import DiskFull, IndexInUse, IndexUnavailable, IngestError, SearchAppError
from search_app.ingest.pipeline import run_ingest
from search_app.ingest.report import IngestReport
from search_app.ingest.watching.events import follow_events
from search_app.ingest.watching.follower import FolderGone, Followed, Follower
from search_app.ingest.watching.pending import Pending
from search_app.ingest.watching.words import Read, Unread
from search_app.ingest.words_pass import WordsParts

RESCAN_S = 900.0
"""The whole folder is looked at this often, where nothing asks for it sooner."""
QUIET_FOR_WORDS_S = 2.0
"""Words are read when nothing has happened for so long."""
RETRY_S = (0.2, 10.0)
"""After what passes by itself: at first, and at most."""
PASSING = (IndexInUse, IndexUnavailable, DiskFull, IngestError)


class Teller(Protocol):
    """Who is told what happens."""

    def scanned(self, report: IngestReport) -> None:
        """The whole folder was compared with the index."""

    def followed(self, what: Followed) -> None:
        """A batch is searchable."""

    def read(self, what: Read) -> None:
        """The words of some pictures are searchable."""

    def waits(self, why: SearchAppError) -> None:
        """Nothing can be done now; it is tried again."""


@dataclass(slots=True)
class Watcher:
    """Watches one folder; `run` until it is told to stop."""

    follower: Follower
    teller: Teller
    words: WordsParts | None = None
    """What reads words; None: they are left to an index run."""
    is_polling: bool = False
    """Whether to look at all files again and again, for file systems that make no events."""
    rescan_s: float = RESCAN_S
    _pending: Pending = field(init=False)
    _unread: Unread = field(init=False)
    _rescan_at: float = field(default=0.0, init=False)
    _quiet_since: float = field(default=0.0, init=False)
    _not_before: float = field(default=0.0, init=False)
    _retry_s: float = field(default=RETRY_S[0], init=False)
    _told: str = field(default="", init=False)
    _mark: tuple[int, int] | None = field(default=None, init=False)
    _reader: ThreadPoolExecutor = field(init=False)
    _reading: "Future[Read] | None" = field(default=None, init=False)

    def __post_init__(self) -> None:
        follower = self.follower
        self._pending = Pending(follower.source.folder)
        self._unread = Unread(follower.source, follower.encoder.spec, follower.store, self.words)

    def run(self, stop: threading.Event) -> None:
        """Follow the folder until `stop`; what was begun is brought to its end.

        Raises what an index run raises, but for what passes by itself: that is told, and tried again.
        """
        with ThreadPoolExecutor(1, thread_name_prefix="words") as self._reader:
            self._run(stop)
        if self._reading is not None:
            self.teller.read(self._reading.result())

    def _run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            self._rescan_at = 0.0  # nothing was seen so far
            try:
                self._watch(stop)
            except FolderGone as gone:
                self._wait(gone)
                self._wait_for_folder(stop)

    def _watch(self, stop: threading.Event) -> None:
        self.follower.require_folder()
        for touched in follow_events(self.follower.source.folder, stop, is_polling=self.is_polling):
            now = time.monotonic()
            if touched.paths:
                self._quiet_since = now
                self._pending.touch(touched.paths, now)
            mark = self.follower.metadata_mark()
            if touched.is_overflow or mark != self._mark:
                self._rescan_at, self._mark = now, mark
            if now < self._not_before:
                continue
            try:
                self.follower.require_folder()
                self._work(now)
            except FolderGone:
                raise
            except PASSING as error:
                self._wait(error)

    def _work(self, now: float) -> None:
        """The most urgent of what there is to do."""
        if self._reading is not None and self._reading.done():
            done, self._reading = self._reading, None
            self.teller.read(done.result())
        elif now >= self._rescan_at:
            self._rescan()
        elif taken := self._pending.taken(now):
            self._follow(taken, now)
        elif self._unread and self._reading is None and now - self._quiet_since > QUIET_FOR_WORDS_S:
            self._reading = self._reader.submit(self._unread.read_some, self.follower.moved_on)
        else:
            return
        self._retry_s, self._told = RETRY_S[0], ""

    def _rescan(self) -> None:
        follower = self.follower
        report = run_ingest(follower.source, follower.encoder, follower.store, follower.options, lambda *_: None)
        self._unread.look_for_all()
        self._rescan_at = time.monotonic() + self.rescan_s
        self.teller.scanned(report)

    def _follow(self, taken: set[str], now: float) -> None:
        try:
            followed = self.follower.follow(taken, self._pending)
        except SearchAppError:
            self._pending.touch(taken, now)  # for the next time
            raise
        if followed.needs_rescan:
            self._rescan_at = now
            return
        self._pending.touch(followed.again, now, not_before=now + 1.0)
        self._unread.note(followed.indexed, taken, self.follower.held)
        if followed.is_something:
            self.teller.followed(followed)

    def _wait(self, error: SearchAppError) -> None:
        """Say once why nothing is done, and leave it for a while."""
        self._not_before = time.monotonic() + self._retry_s
        self._retry_s = min(2 * self._retry_s, RETRY_S[1])
        if str(error) != self._told and (self._retry_s > 1.0 or not isinstance(error, IndexInUse)):
            self._told = str(error)
            self.teller.waits(error)

    def _wait_for_folder(self, stop: threading.Event) -> None:
        while not stop.wait(1.0):
            try:
                self.follower.take_folder()
            except FolderGone:
                continue
            return
