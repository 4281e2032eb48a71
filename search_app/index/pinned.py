"""The protocol of one generation that is read as a whole."""

from collections.abc import Iterator
from typing import Protocol

from search_app.datatypes import Manifest, WholePoint


class PinnedIndex(Protocol):
    """One committed generation as a whole: it stays the same while others are committed."""

    @property
    def manifest(self) -> Manifest:
        """Of this generation."""
        ...

    def points(self, after: int = 0) -> Iterator[WholePoint]:
        """Every point above id `after`, in id order, page by page; memory does not grow with the collection.

        Vectors come as they are stored, bit by bit. Raises `IndexUnavailable` where the engine ends under way, and
        where it is a server whose collection is changed in its place meanwhile, which no reader can hold off.
        """
        ...
