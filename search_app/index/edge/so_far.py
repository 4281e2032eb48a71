"""What a writer of an embedded collection answers of its work before it is committed."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from search_app.datatypes import FloatVector, Known, Manifest, Neighbours, PrintedWords, VectorQuery, WholePoint
from search_app.index.edge import full_disk
from search_app.index.edge.shard import EdgeShard
from search_app.index.validate import check_ids, check_queries


class WrittenSoFar(ABC):
    """The reading half of a writer, also of what an interrupted run had stored."""

    @property
    @abstractmethod
    def folder(self) -> Path:
        """Where it writes."""

    @abstractmethod
    def manifest(self) -> Manifest:
        """Of what it works on."""

    @abstractmethod
    def _work(self) -> EdgeShard:
        """The shard of the work folder, open."""

    @full_disk.tells
    def scan(self) -> Iterator[Known]:
        """Every picture in id order, including what an interrupted run had stored."""
        return self._work().scan()

    @full_disk.tells
    def fetch(self, ids: Sequence[int]) -> dict[int, Known]:
        """The payload of each id that exists."""
        return self._work().fetch(check_ids(ids))

    @full_disk.tells
    def vectors(self, ids: Sequence[int]) -> dict[int, FloatVector]:
        """The unit vector of each id that exists."""
        return self._work().vectors(check_ids(ids))

    @full_disk.tells
    def words(self, ids: Sequence[int]) -> dict[int, PrintedWords]:
        """The words of each id whose words were read."""
        return self._work().words(check_ids(ids))

    @full_disk.tells
    def points(self, after: int = 0) -> Iterator[WholePoint]:
        """Every point above id `after`, in id order, including what an interrupted run had stored."""
        return self._work().points(after)

    @full_disk.tells
    def search(self, queries: Sequence[VectorQuery]) -> list[Neighbours]:
        """Answer from what is written so far."""
        check_queries(queries, self.manifest())
        return self._work().search(queries)

    @abstractmethod
    def close(self) -> None:
        """End without another commit."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
