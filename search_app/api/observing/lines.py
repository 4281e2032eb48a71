"""The one line that the log has of each request."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from search_app.api.observing.journal import Journal

logger = logging.getLogger("search_app.requests")
_PRINTABLE = "".join(map(chr, range(33, 127)))


@dataclass(frozen=True, slots=True)
class Ended:
    """How a request was answered."""

    method: str
    path: str
    route: str
    status: int
    seconds: float
    query_string: bytes = b""
    http_version: str = ""
    client: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """The message of a record: as text for people, as `fields` for a log that has those."""

    ended: Ended
    fields: Mapping[str, Any]

    def __str__(self) -> str:
        return _words(self.ended, self.fields)


def log(ended: Ended, journal: Journal, trace_id: str, *, with_queries: bool) -> None:
    """Write the line, where anybody reads it."""
    if logger.isEnabledFor(logging.INFO):
        line = Line(ended, _fields(ended, journal, trace_id, with_queries=with_queries))
        # Not `logger.info`, which looks for the line of the program that it is called from: a sixth of all it costs.
        logger.handle(logger.makeRecord(logger.name, logging.INFO, "", 0, line, (), None))


def _fields(ended: Ended, journal: Journal, trace_id: str, *, with_queries: bool) -> dict[str, Any]:
    """What is known; what is not known is left out. No header of the request is among it."""
    fields: dict[str, Any] = {
        "method": ended.method,
        "path": ended.path,
        "route": ended.route,
        "status": ended.status,
        "seconds": round(ended.seconds, 6),
        "client": ended.client,
        "key": journal.key,
        "refused": journal.refused,
        "memory": journal.memory,
        "stages": _stages(journal),
        "trace_id": trace_id,
    }
    if with_queries:
        fields["query_string"] = ended.query_string.decode("latin-1")
        fields["queries"] = [text for seen in journal.seen for text in seen.texts]
    return {name: value for name, value in fields.items() if value or name == "status"}


def _stages(journal: Journal) -> dict[str, float]:
    """Seconds by stage."""
    took: dict[str, float] = {}
    for stage, began, ended in journal.all_laps():
        took[stage] = took.get(stage, 0.0) + ended - began
    return {stage: round(seconds, 6) for stage, seconds in took.items()}


def _words(ended: Ended, fields: Mapping[str, Any]) -> str:
    """As uvicorn writes it, and behind that what it does not know. Everything a caller chose is quoted."""
    query = f"?{quote(fields['query_string'], safe=_PRINTABLE)}" if "query_string" in fields else ""
    asked = f"{ended.method} {quote(ended.path)}{query} HTTP/{ended.http_version}"
    told = [f'{ended.client} - "{asked}" {ended.status} {_phrase(ended.status)} {1000 * ended.seconds:.1f} ms']
    stages: Mapping[str, float] = fields.get("stages", {})
    told += [f"{stage}={1000 * seconds:.1f}" for stage, seconds in stages.items()]
    told += [f"{name}={fields[name]}" for name in ("key", "refused", "memory", "trace_id") if name in fields]
    told += [f"query={quote(text)}" for text in fields.get("queries", ())]
    return " ".join(told)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
