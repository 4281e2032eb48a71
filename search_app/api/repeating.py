"""A question that was answered before, asked again of the same index, has the same answer: it is kept for that."""

import re
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import NamedTuple

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from search_app.api.guarding.scopes import path_of
from search_app.api.kept import Kept
from search_app.api.observing.journal import journal_of
from search_app.datatypes import Manifest
from search_app.search.seen import Seen

KEPT_BYTES = 16 * 2**20
"""Questions and answers together; about thirty thousand of the usual size."""
MAX_QUESTION_BYTES = 4_096
"""Longer ones hold pictures, which hardly come twice."""
MAX_ANSWER_BYTES = 2**18
_OVERHEAD_BYTES = 1_000
"""Of an entry in memory, beside the bytes of its question and its answer."""
_TOOK = re.compile(rb'"took_ms":\{[^}]*\}')
"""Where an answer says how long it took. Nothing that a caller or a file name says can look like this in JSON: a quote
in a text has a backslash before it."""

Question = tuple[str, str, bytes]
"""Method, where a proxy serves the application, and the query string or the body."""


class Answer(NamedTuple):
    """What is kept of an answer."""

    body: bytes
    seen: tuple[Seen, ...] = ()
    """What was learnt of the query when it was searched for, without its stages: asked again, it counts again."""


class Repeating:
    """Answers `GET` and `POST /search` from memory where the index is the one that answered before.

    It stands inside of whatever decides who may ask. Errors are not kept, nor what `answered_once` was said of.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._answers: Kept[Question, tuple[Manifest, Answer]] = Kept(KEPT_BYTES, _size)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the kept answer, else pass the question on and keep what comes back."""
        started = time.perf_counter()
        if scope["type"] != "http" or path_of(scope).rstrip("/") != "/search":
            await self._app(scope, receive, send)
            return
        received: list[Message] = []
        question = await _read(scope, receive, received)
        before = _index_of(scope)
        known = self._answers.get(question) if question else None
        journal = journal_of(scope)
        if known and known[0] is before:
            journal.memory = "hit"
            journal.seen += known[1].seen
            await _send(_timed(known[1].body, started), send)
            return
        listening = _Listening(send)
        await self._app(scope, _again(received, receive), listening)
        body = listening.answer
        # Where the index was replaced meanwhile the answer may be of the new one: then `before` is at hand never again.
        if before and question and body and not _is_unrepeatable(scope):
            journal.memory = "miss"
            kept = Answer(body, tuple(replace(seen, laps=()) for seen in journal.seen))
            self._answers.keep(question, (before, kept))


def answered_once(connection: HTTPConnection) -> None:
    """Say that the answer depends on more than the question and the index."""
    connection.state.answered_once = True


def _is_unrepeatable(scope: Scope) -> bool:
    return bool(scope.get("state", {}).get("answered_once"))


def _index_of(scope: Scope) -> Manifest | None:
    state: Manifest | None = scope["state"]["lease"].service.index_at_hand()
    return state


async def _read(scope: Scope, receive: Receive, received: list[Message]) -> Question | None:
    """What is asked, None for what is not kept; a body that had to be read for it is left in `received`."""
    root = scope.get("root_path", "")
    if scope["method"] == "GET":
        question = scope["query_string"]
        return ("GET", root, question) if len(question) <= MAX_QUESTION_BYTES else None
    headers = Headers(scope=scope)
    length = headers.get("content-length", "")
    is_form = headers.get("content-type", "").startswith("multipart/")
    if scope["method"] != "POST" or is_form or not length.isdecimal() or int(length) > MAX_QUESTION_BYTES:
        return None
    while True:
        message = await receive()
        received.append(message)
        if message["type"] != "http.request":
            return None
        if not message.get("more_body", False):
            return "POST", root, b"".join(part.get("body", b"") for part in received)


def _again(received: list[Message], receive: Receive) -> Receive:
    """Give what was received already, then what comes."""
    if not received:
        return receive
    waiting: Iterator[Message] = iter(received)

    async def give() -> Message:
        with suppress(StopIteration):
            return next(waiting)
        return await receive()

    return give


@dataclass(slots=True)
class _Listening:
    """Passes an answer on; `answer` is its body where it is whole, well and short."""

    send: Send
    answer: bytes | None = None
    _is_well: bool = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._is_well = message["status"] == 200
        elif message["type"] == "http.response.body":
            body = message.get("body", b"")
            is_whole = self._is_well and not message.get("more_body", False) and len(body) <= MAX_ANSWER_BYTES
            self.answer, self._is_well = (body if is_whole else None), False
        await self.send(message)


def _timed(answer: bytes, started: float) -> bytes:
    """The answer with the time that it took this time."""
    took = round(1000 * (time.perf_counter() - started), 3)
    return _TOOK.sub(b'"took_ms":{"encode":0.0,"search":0.0,"fetch":0.0,"total":%.3f}' % took, answer, count=1)


async def _send(body: bytes, send: Send) -> None:
    headers = [(b"content-length", b"%d" % len(body)), (b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _size(question: Question, kept: tuple[Manifest, Answer]) -> int:
    return len(question[2]) + len(kept[1].body) + _OVERHEAD_BYTES
