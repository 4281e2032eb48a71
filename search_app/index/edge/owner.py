"""The process that owns a Qdrant Edge shard, and the only module that imports `qdrant_edge`.

Every call of the engine holds the interpreter lock, a full disk kills its process and a panic is no
`Exception`, so the shard lives here: `python -m search_app.index.edge.owner SOCKET LIFELINE`. Requests are
(number, operation, arguments) and replies (number, `Outcome`, value) over the inherited socket. The process ends
when its parent does.

It does without numpy, which would treble the time it takes to start: vectors travel as the bytes of float32 rows.
"""

import contextlib
import fcntl
import functools
import os
import signal
import sys
import time
from array import array
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection
from typing import Any

import qdrant_edge as qe

from search_app.index.edge.wire import Nearest, Outcome, Payloads, Question, Rows

VECTOR = "image"
_HNSW_EF = 128
_PAGE = 1000
_MOST_TOGETHER = 32


class ShardInUseError(Exception):
    """Another process owns the shard."""


class ShardDamagedError(Exception):
    """The shard does not open."""


class Owner:
    """The operations on one shard; `EdgeShard` calls them by name."""

    def __init__(self) -> None:
        self._shard: Any = None

    def create(self, path: str, dim: int, graph_from: int) -> None:
        """Make an empty shard; graphs are built for segments of more than `graph_from` points."""
        kilobytes = max(1, graph_from * dim * 4 // 1024)
        config = qe.EdgeConfig(
            vectors={VECTOR: qe.EdgeVectorParams(dim, qe.Distance.Cosine)},
            optimizers=qe.EdgeOptimizersConfig(indexing_threshold=kilobytes),
        )
        self._shard = qe.EdgeShard.create(path, config)

    def load(self, path: str, patience: float) -> None:
        """Open a shard, waiting `patience` seconds for another owner to end."""
        give_up = time.monotonic() + patience
        while self._shard is None:
            try:
                self._shard = qe.EdgeShard.load(path)
            except (KeyboardInterrupt, SystemExit):
                raise
            except BaseException as error:  # a panic is no Exception; the engine's texts tell its errors apart
                if "WouldBlock" not in str(error):
                    raise ShardDamagedError(f"{path} does not open: {error}") from error
                if time.monotonic() >= give_up:
                    raise ShardInUseError(f"{path} is owned by another process") from None
                time.sleep(0.05)

    def close(self) -> None:
        """Give the shard back."""
        shard, self._shard = self._shard, None
        if shard is not None:
            shard.close()

    def flush(self) -> None:
        """Make every write so far durable."""
        self._shard.flush()

    def optimize(self) -> None:
        """Build graphs and vacuum where the thresholds ask for it; may take minutes."""
        self._shard.optimize()

    def count(self) -> int:
        """How many points there are."""
        return int(self._shard.count(qe.CountRequest(exact=True)))

    def highest_id(self) -> int:
        """The highest id there is; 0 in an empty shard."""
        highest = 0
        while True:
            request = qe.ScrollRequest(offset=highest + 1, limit=10_000, with_payload=False, with_vector=False)
            records = self._shard.scroll(request)[0]
            if not records:
                return highest
            highest = int(records[-1].id)

    def sample(self, size: int) -> Payloads:
        """Some points by chance."""
        request = qe.QueryRequest(size, query=qe.Sample.Random, with_payload=True)
        return [(point.id, point.payload) for point in self._shard.query(request)]

    def nearest(self, questions: Sequence[Question]) -> list[Nearest]:
        """The best points of each question, best first, in one pass over the shard."""
        requests = [
            qe.QueryRequest(
                depth,
                query=qe.Query.Nearest(_floats(vector, [len(vector) // 4]), VECTOR),
                params=qe.SearchParams(hnsw_ef=_HNSW_EF, exact=exact),
                with_payload=False,
                with_vector=False,
            )
            for vector, depth, exact in questions
        ]
        answers = self._shard.query_batch(qe.QueryBatchRequest(requests))
        return [
            (array("q", [hit.id for hit in hits]).tobytes(), array("f", [hit.score for hit in hits]).tobytes())
            for hits in answers
        ]

    def fetch(self, ids: list[int]) -> Payloads:
        """The payload of each id that exists."""
        records = self._shard.retrieve(ids, with_payload=True, with_vector=False)
        return [(record.id, record.payload) for record in records]

    def existing(self, ids: list[int]) -> list[int]:
        """Those of the ids that exist."""
        return [record.id for record in self._shard.retrieve(ids, with_payload=False, with_vector=False)]

    def vectors(self, ids: list[int]) -> tuple[list[int], bytes]:
        """The ids that exist and their vectors."""
        records = self._shard.retrieve(ids, with_payload=False, with_vector=[VECTOR])
        return [record.id for record in records], _bytes(records)

    def page(self, after: int) -> Payloads:
        """The next payloads above id `after`, in id order; empty at the end."""
        return [(record.id, record.payload) for record in self._next(after, vector=False)]

    def rows(self, after: int) -> Rows:
        """The next whole points above id `after`, in id order; empty at the end."""
        return _rows(self._next(after, vector=True))

    def points(self, ids: list[int]) -> Rows:
        """The whole points of each id that exists, in their order."""
        return _rows(self._shard.retrieve(ids, with_payload=True, with_vector=[VECTOR]))

    def _next(self, after: int, *, vector: bool) -> Any:
        request = qe.ScrollRequest(offset=after + 1, limit=_PAGE, with_payload=True, with_vector=vector)
        return self._shard.scroll(request)[0]

    def upsert(self, rows: Rows, dim: int) -> None:
        """Add or replace points that were validated."""
        ids, vectors, payloads = rows
        matrix = _floats(vectors, [len(ids), dim])
        points = [qe.Point(number, {VECTOR: row}, one) for number, row, one in zip(ids, matrix, payloads, strict=True)]
        self._shard.update(qe.UpdateOperation.upsert_points(points))

    def update_payloads(self, payloads: Payloads) -> None:
        """Replace payloads of points that exist; raises `ValueError`, before any write, for one that does not."""
        missing = {number for number, _ in payloads} - set(self.existing([number for number, _ in payloads]))
        if missing:
            raise ValueError(f"no point has id {min(missing)}: only existing pictures can be updated")
        for number, payload in payloads:
            self._shard.update(qe.UpdateOperation.overwrite_payload([number], payload))

    def delete(self, ids: list[int]) -> None:
        """Remove points; unknown ids are ignored."""
        self._shard.update(qe.UpdateOperation.delete_points([*ids]))


def _floats(data: bytes, shape: list[int]) -> Any:
    return memoryview(data).cast("f", shape).tolist()


def _bytes(records: Sequence[Any]) -> bytes:
    return b"".join(array("f", record.vector[VECTOR]).tobytes() for record in records)


def _rows(records: Sequence[Any]) -> Rows:
    return [record.id for record in records], _bytes(records), [record.payload for record in records]


Request = tuple[int, str, tuple[Any, ...]]


def serve(connection: Connection) -> None:
    """Answer requests until the parent has gone; searches that wait together are answered in one pass."""
    owner = Owner()
    with contextlib.suppress(EOFError, OSError):
        while True:
            requests: list[Request] = [connection.recv()]
            while requests[-1][1] == "nearest" and len(requests) < _MOST_TOGETHER and connection.poll():
                requests.append(connection.recv())
            for reply in _replies(owner, requests):
                connection.send(reply)
    owner.close()


def _replies(owner: Owner, requests: Sequence[Request]) -> Iterator[tuple[int, Outcome, Any]]:
    searches = [request for request in requests if request[1] == "nearest"]
    if len(searches) > 1:
        together = [question for _, _, (questions,) in searches for question in questions]
        outcome, value = _attempt(functools.partial(owner.nearest, together))
        if outcome is Outcome.DONE:
            answers = iter(value)
            for number, _, (questions,) in searches:
                yield number, outcome, [next(answers) for _ in questions]
            requests = [request for request in requests if request[1] != "nearest"]
    for number, name, arguments in requests:
        yield number, *_attempt(functools.partial(getattr(owner, name), *arguments))


def _attempt(call: Callable[[], Any]) -> tuple[Outcome, Any]:
    try:
        return Outcome.DONE, call()
    except (KeyboardInterrupt, SystemExit):
        raise
    except ShardInUseError as error:
        return Outcome.IN_USE, str(error)
    except ShardDamagedError as error:
        return Outcome.DAMAGED, str(error)
    except ValueError as error:
        return Outcome.INVALID, str(error)
    except BaseException as error:  # noqa: BLE001 - the boundary: a panic of the engine must reach the parent as words
        return Outcome.FAILED, f"{type(error).__name__}: {error}"


def _end_with_parent(lifeline: int) -> None:
    """Let the kernel end this process when the parent's end of the pipe closes, even inside a long engine call.

    SIGIO's default action ends a process on Linux; elsewhere the closed socket ends it after the call.
    """
    if sys.platform == "linux":
        signal.signal(signal.SIGIO, signal.SIG_DFL)
        fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)


def main(arguments: Sequence[str]) -> None:
    """Serve on the inherited descriptors."""
    descriptor, lifeline = map(int, arguments)
    # a terminal sends Ctrl-C and a supervisor SIGTERM to the whole group: the parent decides when to end
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _end_with_parent(lifeline)
    serve(Connection(descriptor))


if __name__ == "__main__":
    main(sys.argv[1:])
