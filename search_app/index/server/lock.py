"""One writer at a time on a server that several machines share.

Making a collection is the one operation of which the server lets only one of two callers succeed, so the lock is
an empty collection `NAME__writer`; its point 0 says who holds it and when he was last alive.
"""

import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Mapping
from typing import Any

from search_app.errors import IndexInUse, VectorIndexError
from search_app.index.deadline import within
from search_app.index.server.engine import ServerEngine
from search_app.index.server.errors import CollectionGone
from search_app.index.server.sent import Sent

logger = logging.getLogger(__name__)

_BEAT_S = 20.0
_SURE_S = 30.0
"""For how long a lock that was renewed is taken to be ours."""
_DEAD_AFTER_S = 210.0
"""More than `_SURE_S` and the longest that one change is tried: none of a writer that was given up comes late."""
_FIRST_BEAT_S = 10.0
"""How long a process may take to write its name on a lock that it made."""
_NAMELESS_S = 15.0
"""After this nobody writes it any more."""
_held: set[str] = set()
"""The locks this process holds; in a restarted container the process id says nothing."""


class ServerLock:
    """Held from construction to `release`; raises `IndexInUse` saying who holds it."""

    def __init__(self, engine: ServerEngine, collection: str, what: str = "") -> None:
        self._engine, self._name = engine, f"{collection}__writer"
        self._what = what or f"collection {collection!r}"
        self._token, self._began = uuid.uuid4().hex, time.time()
        self._lost = False
        self._sure_until = 0.0
        self._stop = threading.Event()
        _held.add(self._token)  # before it is made: another thread of this process would take it for a dead one's
        try:
            self._take()
        except BaseException:
            _held.discard(self._token)
            raise
        self._thread = threading.Thread(target=self._keep_beating, name="writer-lock", daemon=True)
        self._thread.start()

    def _take(self) -> None:
        for _ in range(2):
            if self._engine.create_marked(self._name, self._signed()):
                with within(_FIRST_BEAT_S):
                    Sent(self._engine, self._name).write_head(self._signed())
                self.check(thoroughly=True)
                return
            holder = self._holder()
            if holder is not None and _is_alive(holder):
                break
            self._engine.drop(self._name)
        raise IndexInUse(
            f"{self._what} is being written by {_describe(self._holder())}: wait until that run "
            f"has ended (the lock of a dead one ends after {_DEAD_AFTER_S:.0f} s)"
        )

    def _holder(self) -> Mapping[str, Any] | None:
        give_up = time.monotonic() + _NAMELESS_S
        while True:
            try:
                holder = self._engine.read_head(self._name) or self._engine.mark(self._name)
            except CollectionGone:  # it was given back at this moment
                return None
            if holder or time.monotonic() >= give_up:
                return holder
            time.sleep(0.1)

    def _signed(self) -> dict[str, Any]:
        return {"token": self._token, "host": socket.gethostname(), "process": os.getpid(), "beat": self._began}

    def _beat(self) -> None:
        """Renew it, and see that it is ours: another may have taken it over since anybody looked."""
        began = time.monotonic()
        try:
            self._engine.renew_head(self._name, self._token, {"beat": time.time()})
            holder = self._engine.read_head(self._name)
        except CollectionGone:
            holder = None
        self._lost = holder is None or holder.get("token") != self._token
        self._sure_until = began + _SURE_S

    def _keep_beating(self) -> None:
        while not self._stop.wait(_BEAT_S):
            try:
                self._beat()
            except VectorIndexError as error:  # the next beat tries again; `check` speaks up when the lock is lost
                logger.warning("the lock of %s could not be renewed: %s", self._what, error)

    def check(self, *, thoroughly: bool = False) -> None:
        """Raise `IndexInUse` when the lock was lost; asks the server where that was not done just now."""
        if not self._lost and (thoroughly or time.monotonic() >= self._sure_until):
            self._beat()
        if self._lost:
            raise IndexInUse(
                f"{self._what} was taken over by another writer, as this one gave no sign of life "
                f"for {_DEAD_AFTER_S:.0f} s: run again when that one has ended"
            )

    def release(self) -> None:
        """Give the lock back."""
        self._stop.set()
        self._thread.join()
        _held.discard(self._token)
        try:
            self.check(thoroughly=True)
            self._engine.drop(self._name)
        except VectorIndexError as error:  # it ends by itself
            logger.warning("the lock of %s could not be given back: %s", self._what, error)


def _is_alive(holder: Mapping[str, Any]) -> bool:
    if time.time() - float(holder.get("beat", 0)) > _DEAD_AFTER_S:
        return False
    if holder.get("host") != socket.gethostname():
        return True
    process = int(holder.get("process", 0))
    if process == os.getpid():
        return holder.get("token") in _held
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _describe(holder: Mapping[str, Any] | None) -> str:
    return f"process {holder.get('process')} on {holder.get('host')}" if holder else "another process"
