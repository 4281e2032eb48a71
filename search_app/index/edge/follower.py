"""What an embedded reader answers from: the newest generation, whatever is committed and whatever its engine does."""

import contextlib
import logging
import threading
import time
from collections.abc import Iterator
from functools import partial

from search_app.errors import IndexDamaged, IndexUnavailable, NoIndexYet, VectorIndexError
from search_app.index.edge.generations import MANIFEST, CollectionFolder
from search_app.index.edge.serving import Serving, open_current
from search_app.index.edge.shard import EdgeShard
from search_app.index.graph import Shape
from search_app.index.manifest import read_record

logger = logging.getLogger(__name__)

_POLL_S = 0.3
_LONGEST_DELAY_S = 10.0
_HEALTHY_AFTER_S = 10.0
_DRAINED_S = 0.5
"""Questions wait this long at most for those before them, when a few changes are to be made in place."""


class Follower:
    """Holds the newest generation open; a thread follows commits and starts a dead engine again.

    The next generation is opened, checked and warmed beside the one that answers, then takes its place;
    requests under way end on the old one. Only a delta over what answers is brought into it in its place.
    """

    def __init__(self, place: CollectionFolder, shape: Shape, answer_s: float) -> None:
        self._place, self._shape, self._answer_s = place, shape, answer_s
        self._lock = threading.Condition()
        self._is_changing = False
        self.serving: Serving | None = None
        """What answers now; None where nothing does."""
        self._retired: list[Serving] = []
        self._error: VectorIndexError | None = None
        self._distrusted, self._rebuild = 0, False
        self._failures = 0
        self._opened_at = 0.0
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._follow_once()
        self._thread = threading.Thread(target=self._follow, name="edge-follower", daemon=True)
        self._thread.start()

    @contextlib.contextmanager
    def use(self) -> Iterator[Serving]:
        """What answers now, for one question; raises why nothing does. Damage that is met is seen to."""
        with self.hold() as serving, self.blaming(serving):
            yield serving

    @contextlib.contextmanager
    def hold(self) -> Iterator[Serving]:
        """What answers now, kept until this ends; raises why nothing does."""
        with self._lock:
            while self._is_changing:
                self._lock.wait()
            serving = self.serving
            if serving is None:
                raise self._reason()
            serving.users += 1
        try:
            yield serving
        finally:
            with self._lock:
                serving.users -= 1
                self._lock.notify_all()

    @contextlib.contextmanager
    def blaming(self, serving: Serving) -> Iterator[None]:
        """Open what the engine finds damaged again, from its export; raises `IndexUnavailable` meanwhile."""
        try:
            yield
        except IndexDamaged as error:
            if self._suspect(serving):
                raise IndexUnavailable(f"{error}; it is opened again, from its export: ask again soon") from error
            raise

    def close(self) -> None:
        """End the engine and the following of commits."""
        self._stop.set()
        self._wake.set()
        self._thread.join()
        with self._lock:
            ending = [*self._retired, *([self.serving] if self.serving else [])]
            self._retired, self.serving = [], None
            self._error = IndexUnavailable("this reader was closed")
        for serving in ending:
            serving.close()

    def _suspect(self, serving: Serving) -> bool:
        """Open a generation again, rebuilt from its export, after the engine failed on files it had opened well.

        False when that was done before and did not help.
        """
        generation = serving.record.manifest.generation
        with self._lock:
            if generation == self._distrusted:
                return False
            self._distrusted, self._rebuild = generation, True
        serving.shard.process.kill()
        return True

    def _reason(self) -> VectorIndexError:
        if self._error is not None:
            return type(self._error)(str(self._error))
        return NoIndexYet(
            f"collection {self._place.collection!r} is empty: run `python -m search_app index FOLDER` first"
        )

    def _follow(self) -> None:
        while not self._stop.is_set():
            if self._failures:
                self._stop.wait(min(_POLL_S * 2 ** min(self._failures, 10), _LONGEST_DELAY_S))
            else:
                self._wake.wait(_POLL_S)
            self._wake.clear()
            if not self._stop.is_set():
                self._follow_once()
                self._close_retired()

    def _follow_once(self) -> None:
        try:
            if not self._is_served() and not self._followed_in_place():
                distrust = self._distrusted if self._rebuild else 0
                fresh = open_current(
                    self._place,
                    self._shape,
                    partial(EdgeShard, self._wake.set, self._answer_s, self._shape),
                    distrust=distrust,
                )
                self._rebuild = False
                self._opened_at = time.monotonic()
                self._swap(fresh)
        except VectorIndexError as error:
            self._fail(error)
        except Exception as error:  # the thread that follows must outlive what nobody thought of
            logger.debug("unexpected", exc_info=True)
            self._fail(IndexUnavailable(f"collection {self._place.collection!r} cannot be opened: {error}"))

    def _followed_in_place(self) -> bool:
        """Whether what is current is a few changes away from what answers, and answers now; who asks waits meanwhile.

        Where somebody asks for long, as a scan does, or the engine has no copy of its own, false: another is opened.
        """
        serving = self.serving
        if serving is None or serving.private is None or self._rebuild or not serving.shard.process.alive:
            return False
        lease = self._place.lease()
        if lease is None:
            return False
        try:
            record = read_record(lease.generation / MANIFEST)
            if record.whole == serving.ground and self._may_change(serving):
                serving.follow(lease, record)
                return True
        except BaseException:
            lease.lock.release()
            raise
        finally:
            with self._lock:
                self._is_changing = False
                self._lock.notify_all()
        lease.lock.release()
        return False

    def _may_change(self, serving: Serving) -> bool:
        """Whether all who asked have their answers; nobody else is let in then."""
        with self._lock:
            self._is_changing = True
            return self._lock.wait_for(lambda: not serving.users, _DRAINED_S)

    def _is_served(self) -> bool:
        serving = self.serving
        if serving is None:
            return False
        lived = time.monotonic() - self._opened_at
        if not serving.shard.process.alive:
            self._failures += lived < _HEALTHY_AFTER_S
            return False
        current = serving.is_current()
        if current and lived > _HEALTHY_AFTER_S:
            self._failures = 0
        return current

    def _fail(self, error: VectorIndexError) -> None:
        logger.error("%s", error)
        self._failures += 1
        with self._lock:
            self._error = error
            if self.serving is not None and not self.serving.shard.process.alive:
                self._retired.append(self.serving)
                self.serving = None

    def _swap(self, fresh: Serving | None) -> None:
        with self._lock:
            if self.serving is not None:
                self._retired.append(self.serving)
            self.serving, self._error = fresh, None

    def _close_retired(self) -> None:
        with self._lock:
            idle = [serving for serving in self._retired if not serving.users]
            self._retired = [serving for serving in self._retired if serving.users]
        for serving in idle:
            serving.close()
