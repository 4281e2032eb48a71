"""How the log of the service looks: plain lines for people or JSON lines for programs, a line each.

Plain lines come from uvicorn's own formatter, JSON from the one below; the standard library does the rest.
"""

import json
import logging
import time
from copy import deepcopy
from typing import Any

from uvicorn.config import LOGGING_CONFIG
from uvicorn.logging import DefaultFormatter

from search_app.api.guarding.request_ids import WithRequestId
from search_app.api.observing import lines
from search_app.api.observing.observing import LogFormat

_LINE = "%(levelprefix)s [%(request_id)s] %(message)s"
_CONTROLS = {
    number: f"\\x{number:02x}" for number in (*range(32), *range(127, 160)) if number not in {ord("\n"), ord("\t")}
} | {0x2028: "\\u2028", 0x2029: "\\u2029"}
"""What a terminal would obey, or take for the end of a line, as people write it."""


class PlainLines(DefaultFormatter):
    """Level, id of the request, message. Nothing in a message or an exception moves a cursor or colours anything."""

    def __init__(self) -> None:
        super().__init__(_LINE)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - of the standard library
        """One line, whatever names are in it."""
        if not record.message.isprintable():
            record.message = record.message.translate(_CONTROLS).replace("\n", "\\n")
        if not self.use_colors:  # the same as below at half of its price
            return f"{record.levelname + ':':9} [{getattr(record, 'request_id', '-')}] {record.message}"
        record.__dict__.pop("color_message", None)  # of uvicorn: the same message with colours
        return super().formatMessage(record)

    def formatException(self, ei: Any) -> str:  # noqa: N802 - of the standard library
        """Lines of a traceback, whatever the message of the exception is."""
        return super().formatException(ei).translate(_CONTROLS)


class JsonLines(logging.Formatter):
    """An object a line, in ASCII: a reader decodes every name, and no terminal obeys one."""

    def format(self, record: logging.LogRecord) -> str:
        """The record, with the fields of a request in it."""
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        entry: dict[str, Any] = {
            "time": f"{moment}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "request_id": getattr(record, "request_id", "-"),
        }
        entry |= record.msg.fields if isinstance(record.msg, lines.Line) else {"message": record.getMessage()}
        if event := getattr(record, "event", ""):
            entry["event"] = event
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry)


def formatter(form: LogFormat) -> logging.Formatter:
    """What writes a record in one of the forms."""
    return JsonLines() if form == "json" else PlainLines()


def log_config(form: LogFormat) -> dict[str, Any]:
    """For `uvicorn.Config`: its own configuration, in this form from the first line on."""
    config = deepcopy(LOGGING_CONFIG)
    config["filters"] = {"request_id": {"()": WithRequestId}}
    for name in ("default", "access"):
        config["formatters"][name] = {"()": JsonLines if form == "json" else PlainLines}
        config["handlers"][name]["filters"] = ["request_id"]
    config["loggers"]["search_app"] = {"handlers": ["default"], "level": "WARNING", "propagate": False}
    return config


def take_over(form: LogFormat) -> None:
    """Give uvicorn's log this form, and have its lines of requests written by `lines`; twice does no harm.

    Called when the service starts, by whatever server and however that set up its log. Where uvicorn was told to write
    no lines of requests, or only what is worse, it stays so.
    """
    uvicorn, access = logging.getLogger("uvicorn"), logging.getLogger("uvicorn.access")
    for handler in {*uvicorn.handlers, *access.handlers}:
        handler.setFormatter(formatter(form))
        if not any(isinstance(one, WithRequestId) for one in handler.filters):
            handler.addFilter(WithRequestId())
    ours = logging.getLogger("search_app")
    if uvicorn.handlers and not ours.handlers:
        ours.handlers, ours.propagate = list(uvicorn.handlers), False
        ours.setLevel(logging.WARNING)
    if access.handlers:
        lines.logger.handlers, access.handlers = access.handlers, []
        lines.logger.setLevel(access.getEffectiveLevel())
        lines.logger.propagate = access.propagate = False
