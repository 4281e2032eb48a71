"""What an index looks like to somebody who only looks: `doctor` reads it and changes nothing."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from search_app.datatypes import FloatVector, Known, Manifest


class StoredPictures(Protocol):
    """The part of `IndexReader` that an examination needs."""

    def scan(self) -> Iterator[Known]:
        """Every picture in id order."""
        ...

    def fetch(self, ids: Sequence[int]) -> dict[int, Known]:
        """The payload of each id that exists."""
        ...

    def vectors(self, ids: Sequence[int]) -> dict[int, FloatVector]:
        """The unit vector, float32 (dim,), of each id that exists."""
        ...


@dataclass(frozen=True, slots=True)
class Examined:
    """A committed generation whose count and sample were found in order."""

    manifest: Manifest
    pictures: StoredPictures


@dataclass(frozen=True, slots=True)
class FolderFacts:
    """What lies in the folder of an embedded collection."""

    export: str
    """What is wrong with the export of the current generation; empty where it is sound or where there is none yet."""
    is_exported: bool
    leftovers: tuple[str, ...]
    """Names of what killed runs left; a run of `index` takes them up or removes them."""
    set_aside: tuple[str, ...]
    """Names of damaged shards that were kept for inspection."""
    writer: str
    """Who writes into the collection now; empty where nobody does."""
    size: int
    """Bytes of the current generation's shard."""
    changed: float
    """When something in the folder was last changed, in seconds since 1970."""
