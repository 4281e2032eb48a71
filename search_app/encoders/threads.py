"""Threads that may be left behind: a call into native code cannot be stopped, but nobody has to wait for it."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")
_Task = tuple[Callable[[], Any], "Future[Any]"]
_END_PATIENCE_S = 1.0


class Overdue(Exception):
    """A call did not come back in time; its thread still runs it."""


class LeavableThreads:
    """Runs calls in threads of its own, as many as calls are under way; safe to use from several threads.

    Not a `ThreadPoolExecutor`: the interpreter waits for its threads before it ends, for ever where one is stuck.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._idle: list[_Thread] = []
        self._lock = threading.Lock()
        self._closed = False

    def start(self, call: Callable[[], T]) -> "Future[T]":
        """Run `call` in a thread that has nothing to do, or in a new one."""
        future: Future[T] = Future()
        with self._lock:
            thread = self._idle.pop() if self._idle else _Thread(self._name, self._rest)
        thread.tasks.put((call, future))
        return future

    def run(self, call: Callable[[], T], seconds: float) -> T:
        """What `call` returns or raises; raises `Overdue` where that takes longer than `seconds`."""
        return outcome(self.start(call), seconds)

    def close(self) -> None:
        """End the threads that have nothing to do now, and those that are at work when they come back."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for thread in idle:
            thread.tasks.put(None)
        for thread in idle:
            thread.join(_END_PATIENCE_S)

    def _rest(self, thread: "_Thread") -> bool:
        with self._lock:
            if not self._closed:
                self._idle.append(thread)
            return not self._closed


def outcome(future: "Future[T]", seconds: float) -> T:
    """The result of a future within `seconds`; raises what it raised, or `Overdue`."""
    try:
        return future.result(seconds)
    except TimeoutError:
        if future.done():  # the call itself raised it
            raise
        raise Overdue from None


class _Thread(threading.Thread):
    """Does one task after the other; a daemon, so that the process can end while a task does not."""

    def __init__(self, name: str, rest: "Callable[[_Thread], bool]") -> None:
        super().__init__(name=name, daemon=True)
        self.tasks: SimpleQueue[_Task | None] = SimpleQueue()
        self._rest = rest
        self.start()

    def run(self) -> None:
        goes_on = True
        while goes_on and (task := self.tasks.get()) is not None:
            call, future = task
            try:
                result = call()
            except BaseException as error:  # noqa: BLE001 - whatever it is belongs to the one who waits
                goes_on = self._rest(self)
                future.set_exception(error)
            else:
                goes_on = self._rest(self)  # first, so that the next call finds this thread
                future.set_result(result)
                del result
            del task, call, future  # nothing is kept alive by a thread that has nothing to do
