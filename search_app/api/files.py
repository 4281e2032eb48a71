"""Files as answers: whole, or 304 where the caller has them already."""

import os
from collections.abc import Mapping

from fastapi.responses import FileResponse, Response
from starlette.datastructures import Headers
from starlette.staticfiles import NotModifiedResponse, StaticFiles
from starlette.types import Receive, Scope, Send

_conditions = StaticFiles()
"""Only for its reading of If-None-Match and If-Modified-Since."""


class WholeFileResponse(FileResponse):
    """A file without ranges: Starlette answers a malformed Range in plain text, and a server may ignore the header."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the file."""
        headers = [header for header in scope["headers"] if header[0] != b"range"]
        await super().__call__({**scope, "headers": headers}, receive, send)


def not_modified(asked: Headers, answer: Mapping[str, str]) -> Response | None:
    """The 304 for a caller whose request headers say that it has what these headers would come with."""
    headers = Headers(answer)
    return NotModifiedResponse(headers) if _conditions.is_not_modified(headers, asked) else None


def give_file(
    asked: Headers,
    path: str | os.PathLike[str],
    status: os.stat_result,
    headers: Mapping[str, str],
    media_type: str | None = None,
) -> Response:
    """The file with an ETag and its date; the media type is guessed from the name where it is not given."""
    with_headers = {"accept-ranges": "none", **headers}
    response = WholeFileResponse(path, headers=with_headers, media_type=media_type, stat_result=status)
    return not_modified(asked, response.headers) or response
