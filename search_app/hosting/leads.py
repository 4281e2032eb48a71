"""What each name leads to, who is being answered from it, and when it is closed: the state of a `House`."""

import logging
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager

from search_app.encoders.threads import LeavableThreads
from search_app.errors import IndexUnavailable
from search_app.hosting.hosted import Hosted, Lease

logger = logging.getLogger(__name__)

STOPPING = "the service is being stopped: ask again when it has started"
END_PATIENCE_S = 20.0


class Leads:
    """Safe to use from several threads; nothing here waits for anything slow but `close`."""

    def __init__(self, own: str, most_open: int, idle_seconds: float) -> None:
        """What the name `own` leads to is never closed for being idle or for making room."""
        self._own, self._most_open, self._idle_seconds = own, most_open, idle_seconds
        self._lock = threading.Lock()
        self._to: dict[str, Hosted] = {}
        self._reserved = 0
        self._is_closed = False
        self._threads = LeavableThreads("hosting-closing")
        self._closing: set[Future[None]] = set()

    def lease(self, name: str) -> Lease | None:
        """A hold on what a name leads to; None where that is not open."""
        with self._lock:
            hosted = self._to.get(name)
            if hosted is None:
                return None
            hosted.users += 1
            hosted.used_at = time.monotonic()
        return Lease(name, hosted, self._give_back)

    def all(self) -> dict[str, Hosted]:
        """What each open name leads to."""
        with self._lock:
            return dict(self._to)

    def share(self, name: str, collection: str, *, is_led: bool) -> bool:
        """Let a name lead to what another one leads to already, if there is that."""
        with self._lock:
            known = [one for one in self._to.values() if one.serves(collection, is_led=is_led)]
            if known:
                self._put(name, known[0])
            return bool(known)

    def put(self, name: str, hosted: Hosted) -> None:
        """Let a name lead to what was opened for it; raises `IndexUnavailable`, and closes it, at the end."""
        with self._lock:
            self._put(name, hosted)

    @contextmanager
    def room(self, name: str) -> Iterator[None]:
        """Room to open a collection for a name, made by closing the one that was asked longest ago.

        What takes another's place needs none. Raises `IndexUnavailable` where all that are open are being asked.
        """
        with self._lock:
            if name not in self._to:
                self._make_room()
            self._reserved += 1
        try:
            yield
        finally:
            with self._lock:
                self._reserved -= 1

    def leave(self, name: str) -> None:
        """Let a name lead nowhere."""
        with self._lock:
            hosted = self._to.pop(name, None)
            if hosted is not None:
                self._close_unused(hosted)

    def leave_idle(self) -> None:
        """Close what nobody has asked for a while."""
        with self._lock:
            before = time.monotonic() - self._idle_seconds
            for hosted in [one for one in self._closable() if one.used_at <= before]:
                self._drop(hosted)

    def close(self) -> None:
        """Close all; what is put later is closed at once."""
        with self._lock:
            self._is_closed = True
            for hosted in set(self._to.values()):
                self._close(hosted)
            self._to = {}
        wait(self._closing.copy(), END_PATIENCE_S)
        self._threads.close()

    def _give_back(self, hosted: Hosted) -> None:
        with self._lock:
            hosted.users -= 1
            hosted.used_at = time.monotonic()
            self._close_unused(hosted)

    # All that follow are called under the lock.

    def _put(self, name: str, hosted: Hosted) -> None:
        if self._is_closed:
            self._close_unused(hosted)
            raise IndexUnavailable(STOPPING)
        before, self._to[name] = self._to.get(name), hosted
        hosted.used_at = time.monotonic()
        if before is not None and before is not hosted:
            logger.warning("%s is answered from collection %s now, by model %s", name, hosted.collection, hosted.model)
            self._close_unused(before)

    def _make_room(self) -> None:
        if len(set(self._to.values())) + self._reserved < self._most_open:
            return
        closable = self._closable()
        if not closable:
            raise IndexUnavailable(
                f"as many collections are being asked as may be open, {self._most_open} (SEARCH_OPEN_COLLECTIONS): "
                "ask again soon"
            )
        self._drop(min(closable, key=lambda one: one.used_at))

    def _closable(self) -> set[Hosted]:
        return {one for one in self._to.values() if not one.users} - {self._to.get(self._own)}

    def _drop(self, hosted: Hosted) -> None:
        for name in [name for name, one in self._to.items() if one is hosted]:
            del self._to[name]
        self._close_unused(hosted)

    def _close_unused(self, hosted: Hosted) -> None:
        if not hosted.users and all(one is not hosted for one in self._to.values()):
            self._close(hosted)

    def _close(self, hosted: Hosted) -> None:
        if not hosted.is_closing:
            hosted.is_closing = True
            closing = self._threads.start(hosted.close)
            self._closing.add(closing)
            closing.add_done_callback(self._closed)

    def _closed(self, closing: "Future[None]") -> None:
        self._closing.discard(closing)
        if error := closing.exception():
            logger.error("a collection was not closed well", exc_info=error)
