"""The pictures of a collection as they lie in its source, for those who look at an answer.

Only what was indexed is ever given out: a source that is no folder may stand anywhere, so what it answers must have the
very bytes that the index knows. Few are read at a time, each within a deadline and a size.
"""

import threading

from search_app.datatypes import Known
from search_app.errors import ImageError, ImageTooLarge, NotFound, SourceUnavailable, Unreachable
from search_app.images.fingerprints import content_hash
from search_app.sources.base import SERVING, Limits, Source
from search_app.sources.opening import open_source

AT_ONCE = 8
"""Of one service: each holds a thread and up to `SERVING.max_bytes`."""


class SourcePictures:
    """Reads pictures from where they were indexed; safe to call from several threads."""

    def __init__(self, limits: Limits = SERVING) -> None:
        self._limits = limits
        self._opening = threading.Lock()
        self._source: Source | None = None
        self._reading = threading.BoundedSemaphore(AT_ONCE)

    def content(self, known: Known, location: str) -> bytes:
        """The content of a picture that was indexed from `location`.

        Raises `NotFound` where it is gone, has changed or is too large to be shown, and `SourceUnavailable` where
        nobody can tell now.
        """
        name = f"image {known.id} ({known.picture.path})"
        source = self._opened(location)
        if not self._reading.acquire(timeout=self._limits.seconds):
            raise SourceUnavailable(f"{name}: too many pictures are being read from their source: ask again")
        try:
            data = source.read(known.picture.ref)
        except Unreachable as error:
            raise SourceUnavailable(f"{name} cannot be had from its source now: {error}") from None
        except ImageTooLarge as error:
            raise NotFound(f"{name} is too large to be shown: {error}") from None
        except ImageError as error:
            raise NotFound(f"{name} is no longer in its source: {error}") from None
        finally:
            self._reading.release()
        if content_hash(data) != known.picture.content_hash:
            raise NotFound(f"{name} is another one by now in its source: index it again")
        return data

    def _opened(self, location: str) -> Source:
        with self._opening:
            if self._source is None or self._source.location != location:
                self._source = open_source(location, self._limits)
            return self._source
