"""Several requests under way at once, and no more: whoever brings another waits, so a busy server slows a load down."""

from collections.abc import Callable, Collection
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait


class Lanes:
    """Runs jobs that change points, `most` at once; jobs that change the same point run in the order they came.

    What a job raises is raised again by the next call, whatever it is. With one lane a job runs where it is brought.
    Used by one thread.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._pool = ThreadPoolExecutor(most, thread_name_prefix="upload") if most > 1 else None
        self._under_way: dict[Future[None], frozenset[int]] = {}

    def put(self, ids: Collection[int], job: Callable[[], None]) -> None:
        """Run `job`, which changes these points, as soon as there is a lane for it; returns when it has one."""
        if self._pool is None:
            job()
            return
        changed = frozenset(ids)
        while len(self._under_way) >= self._most or any(changed & others for others in self._under_way.values()):
            self._take(wait(self._under_way, return_when=FIRST_COMPLETED).done)
        self._under_way[self._pool.submit(job)] = changed

    def settle(self) -> None:
        """Wait until every job has ended."""
        self._take(wait(self._under_way).done)

    def _take(self, ended: Collection[Future[None]]) -> None:
        for one in ended:
            del self._under_way[one]
        for one in ended:
            one.result()

    def close(self) -> None:
        """Wait for what is under way, whatever comes of it: nothing may arrive at the server later."""
        if self._pool is not None:
            self._pool.shutdown()
            self._under_way.clear()
