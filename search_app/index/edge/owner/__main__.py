"""The process that owns a Qdrant Edge shard.

Every call of the engine holds the interpreter lock, a full disk kills its process and a panic is no
`Exception`, so the shard lives here: `python -m search_app.index.edge.owner SOCKET LIFELINE`. Requests are
(number, operation, arguments) and replies (number, `Outcome`, value) over the inherited socket. The process ends
when its parent does.
"""

import contextlib
import fcntl
import functools
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection
from typing import Any

from search_app.index.edge.owner.engine import Engine, ShardDamagedError, ShardInUseError, has_no_room
from search_app.index.edge.wire import Outcome

_MOST_TOGETHER = 32
Request = tuple[int, str, tuple[Any, ...]]


def serve(connection: Connection) -> None:
    """Answer requests until the parent has gone; searches that wait together are answered in one pass."""
    engine = Engine()
    with contextlib.suppress(EOFError, OSError):
        while True:
            requests: list[Request] = [connection.recv()]
            while requests[-1][1] == "nearest" and len(requests) < _MOST_TOGETHER and connection.poll():
                requests.append(connection.recv())
            for reply in _replies(engine, requests):
                connection.send(reply)
    engine.close()


def _replies(engine: Engine, requests: Sequence[Request]) -> Iterator[tuple[int, Outcome, Any]]:
    searches = [request for request in requests if request[1] == "nearest"]
    if len(searches) > 1:
        together = [question for _, _, (questions,) in searches for question in questions]
        outcome, value = _attempt(functools.partial(engine.nearest, together))
        if outcome is Outcome.DONE:
            answers = iter(value)
            for number, _, (questions,) in searches:
                yield number, outcome, [next(answers) for _ in questions]
            requests = [request for request in requests if request[1] != "nearest"]
    for number, name, arguments in requests:
        yield number, *_attempt(functools.partial(getattr(engine, name), *arguments))


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
        outcome = Outcome.NO_ROOM if has_no_room(error) else Outcome.FAILED
        return outcome, f"{type(error).__name__}: {error}"


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
