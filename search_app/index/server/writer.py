"""The writer on a Qdrant server: what is asked of it is checked, then sent to its work."""

from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Self

from search_app.datatypes import (
    EncoderSpec,
    FloatVector,
    Known,
    Manifest,
    Neighbours,
    Point,
    PrintedWords,
    VectorQuery,
    WholePoint,
    WordsPoint,
    WordsSpec,
)
from search_app.errors import IndexUnavailable
from search_app.index.manifest import holds, with_words
from search_app.index.payload import read_words, to_known, to_payload
from search_app.index.server.engine import ServerEngine
from search_app.index.server.whole import from_records
from search_app.index.server.work import Work
from search_app.index.validate import (
    check_existing,
    check_ids,
    check_pictures,
    check_points,
    check_queries,
    check_whole,
    check_words,
)

_BATCH = 500
"""Words of one request; of points `upload.batch_size` of the profile says it."""


class ServerWriter:
    """Changes the current collection in place, or fills a new one and moves the alias to it."""

    def __init__(self, engine: ServerEngine, collection: str, spec: EncoderSpec, folder: str, *, rebuild: bool) -> None:
        self._engine, self._spec = engine, spec
        self._work = Work(engine, collection, spec, folder, rebuild=rebuild)

    def manifest(self) -> Manifest:
        """The manifest this writer started from; `next_id` counts what it wrote since."""
        return self._work.manifest

    def resumed(self) -> bool:
        """Whether the collection holds other pictures than were committed, or none yet."""
        return self._work.resumed

    def fetch(self, ids: Sequence[int]) -> dict[int, Known]:
        """The payload of each id that exists."""
        found = self._work.settled().fetch(self._work.name, check_ids(ids))
        return {number: to_known(number, payload) for number, payload in found}

    def scan(self) -> Iterator[Known]:
        """Every picture in id order, including what an interrupted run had stored."""
        after = listed = 0
        while page := self._work.settled().page(self._work.name, after):
            yield from (to_known(number, payload) for number, payload in page)
            after = page[-1][0]
            listed += len(page)
        held = self._engine.count(self._work.name)
        if listed < held:  # what is not known would be given a second id
            raise IndexUnavailable(
                f"{self._engine.server} listed {listed} of {held} pictures: run again when it is well"
            )

    def vectors(self, ids: Sequence[int]) -> dict[int, FloatVector]:
        """The unit vector of each id that exists."""
        return self._work.settled().vectors(self._work.name, check_ids(ids), "image")

    def words(self, ids: Sequence[int]) -> dict[int, PrintedWords]:
        """The words of each id whose words were read."""
        return read_words(self._work.settled().words(self._work.name, check_ids(ids)))

    def points(self, after: int = 0) -> Iterator[WholePoint]:
        """Every point above id `after`, in id order, including what an interrupted run had stored."""
        while page := self._work.settled().whole(self._work.name, after):
            yield from from_records(page)
            after = int(page[-1].id)

    def search(self, queries: Sequence[VectorQuery]) -> list[Neighbours]:
        """Answer from what is written so far."""
        check_queries(queries, self._work.manifest)
        return self._work.settled().search(self._work.name, queries)

    def write(self, points: Sequence[WholePoint]) -> None:
        """Add or replace points with their words; see `IndexWriter.write`."""
        manifest = self._work.manifest
        rows = check_whole(points, self._spec.dim, manifest.words_dim)
        size = self._engine.profile.upload.batch_size
        for start in range(0, len(points), size):
            batch = points[start : start + size]
            self._work.change(max(int(point.id) for point in batch))
            self._work.sent.write(batch, rows[start : start + size], manifest.words_fingerprint)

    def reserve(self, next_id: int) -> None:
        """Raise the high-water mark; see `IndexWriter.reserve`."""
        if next_id > self._work.manifest.next_id:
            self._work.change(next_id - 1)

    def upsert(self, points: Sequence[Point]) -> None:
        """Add or replace points; see `IndexWriter.upsert`."""
        rows = check_points(points, self._spec.dim)
        size = self._engine.profile.upload.batch_size
        for start in range(0, len(points), size):
            batch = points[start : start + size]
            payloads = {int(point.id): to_payload(point.picture) for point in batch}
            self._work.change(max(payloads))
            self._work.sent.upsert(rows[start : start + size], payloads)

    def update_pictures(self, known: Sequence[Known]) -> None:
        """Replace the payload of existing points; raises `ValueError` for an id that is not there."""
        check_pictures([one.picture for one in known])
        self._refuse_unknown([one.id for one in known])
        if known:
            self._work.change()
            self._work.sent.update_payloads({one.id: to_payload(one.picture) for one in known})

    def open_words(self, spec: WordsSpec) -> None:
        """Make room for words; see `IndexWriter.open_words`."""
        if not holds(self._work.manifest, spec):
            self._work.note(with_words(self._work.manifest, WordsSpec("", 0)))
            self._work.settled().open_words(self._work.name, spec.dim)
            self._work.note(with_words(self._work.manifest, spec))

    def update_words(self, points: Sequence[WordsPoint]) -> None:
        """Add or replace the words of existing points; see `IndexWriter.update_words`."""
        manifest = self._work.manifest
        check_words(points, manifest.words_dim)
        self._refuse_unknown([one.id for one in points])
        for start in range(0, len(points), _BATCH):
            self._work.change()
            self._work.sent.update_words(points[start : start + _BATCH], manifest.words_fingerprint)

    def _refuse_unknown(self, ids: Sequence[int]) -> None:
        wanted = check_ids(ids)
        check_existing(wanted, self._work.settled().existing(self._work.name, wanted))

    def delete(self, ids: Sequence[int]) -> None:
        """Remove points; unknown ids are ignored."""
        found = self._work.settled().existing(self._work.name, check_ids(ids))
        if found:
            self._work.change()
            self._work.sent.delete(found)

    def commit(self, *, final: bool = True) -> Manifest:
        """Make everything so far visible under a new generation; a commit of nothing new makes none."""
        return self._work.commit(final=final)

    def close(self) -> None:
        """End without another commit; what was not committed stays for the next writer."""
        self._work.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
