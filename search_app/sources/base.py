"""Where pictures come from: one protocol for folders, object stores, web servers, lists and shards.

An index run scans a source and reads what is new; the service reads one picture of it at a time. Nothing is ever
written to a source, and the service asks it only for what was indexed from it.
"""

from dataclasses import dataclass
from typing import Protocol

from search_app.datatypes import ImageRef, PrintedWords
from search_app.images.decode import MAX_FILE_BYTES
from search_app.images.scan import ScanResult


@dataclass(frozen=True, slots=True)
class Limits:
    """How long one picture is waited for and how large it may be; folders of this machine have no deadline."""

    seconds: float
    max_bytes: int = MAX_FILE_BYTES
    tries: int = 3
    """Where the source did not answer."""


INDEXING = Limits(seconds=60)
SERVING = Limits(seconds=10, max_bytes=64 * 2**20, tries=1)
"""A picture that is shown is held in memory, and somebody waits for it."""


class Source(Protocol):
    """Where pictures come from. Safe to use from several threads."""

    @property
    def location(self) -> str:
        """Absolute path or address, as the manifest keeps it: `sources.opening.open_source` opens it again."""
        ...

    def scan(self) -> ScanResult:
        """What it holds, in path order; raises `IngestError` where it cannot be asked."""
        ...

    def read(self, ref: ImageRef) -> bytes:
        """The content of one picture.

        Raises `Unreadable` where it is gone or refused, `ImageTooLarge` beyond the limit, and `Unreachable` where
        nobody knows what is there.
        """
        ...

    def words_beside(self, path: str) -> PrintedWords | None:
        """The words that a text file beside a picture says it has; None where there is no such file.

        Raises `WordsError` where that file cannot be used.
        """
        ...
