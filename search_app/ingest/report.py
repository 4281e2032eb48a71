"""What an index run did, and how it tells about it while it works."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TypeAlias

Progress: TypeAlias = Callable[[int, int, int], None]
"""Called with (files finished, files to do, files skipped so far)."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that could not be used; it cost itself only."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class WordsReport:
    """What the second pass of an index run did; `to_json` is what `--json REPORT` has under `words`."""

    read: int
    """Pictures whose words were stored in this run, also where they have none."""
    unchanged: int
    """Pictures whose words were there."""
    failed: tuple[Skipped, ...]
    """Pictures whose words could not be read; they are searchable, and tried again by the next run."""
    with_words: int
    """Pictures in the collection that carry words."""
    seconds: float

    def to_json(self) -> dict[str, object]:
        """The report as plain JSON values."""
        failed = [asdict(item) for item in self.failed]
        return {**asdict(self), "failed": failed, "seconds": round(self.seconds, 3)}


@dataclass(frozen=True, slots=True)
class MetadataReport:
    """What a metadata file was good for."""

    pictures: int
    """Pictures that it says something about."""
    fields: tuple[str, ...]
    unknown: int
    """Lines about something that is no picture of the folder."""
    first_unknown: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class IngestReport:
    """The result of one index run; `to_json` is the promised form of `--json REPORT`."""

    folder: str
    collection: str
    model: str
    device: str
    indexed: int
    """Pictures embedded in this run."""
    unchanged: int
    renamed: int
    removed: int
    skipped: tuple[Skipped, ...]
    seconds: float
    """From the scan to the last commit; opening the model is not counted."""
    total: int
    """Pictures that are searchable now."""
    described: int = 0
    """Pictures, none of them embedded in this run, that were looked at for what an older version did not look for."""
    metadata: MetadataReport | None = None
    """None where no file was given."""

    @property
    def images_per_second(self) -> float:
        """Pictures embedded a second, over the whole run."""
        return self.indexed / self.seconds if self.seconds > 0 else 0.0

    def to_json(self) -> dict[str, object]:
        """The report as plain JSON values."""
        return {
            **asdict(self),
            "skipped": [asdict(item) for item in self.skipped],
            "seconds": round(self.seconds, 3),
            "images_per_second": round(self.images_per_second, 2),
        }
