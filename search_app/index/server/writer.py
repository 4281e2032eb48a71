"""The writer on a Qdrant server, and the lock that keeps it the only one."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
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
from search_app.errors import IndexDamaged, IndexUnavailable
from search_app.index.kept import warn_of_differences
from search_app.index.manifest import Record, check_model, fresh_manifest, grown, holds, resumes, with_words
from search_app.index.payload import read_words, to_known, to_payload
from search_app.index.server.engine import ServerEngine
from search_app.index.server.head import head_of, read_record
from search_app.index.server.lock import ServerLock
from search_app.index.server.names import current, number_of, physical
from search_app.index.server.sent import Sent
from search_app.index.server.whole import from_records
from search_app.index.validate import check_ids, check_pictures, check_points, check_queries, check_whole, check_words

logger = logging.getLogger(__name__)

_BATCH = 500
"""Words of one request; of points `upload.batch_size` of the profile says it."""


class ServerWriter:
    """Changes the current collection in place, or fills a new one and moves the alias to it."""

    def __init__(self, engine: ServerEngine, collection: str, spec: EncoderSpec, folder: str, *, rebuild: bool) -> None:
        self._engine, self._collection, self._spec, self._folder = engine, collection, spec, folder
        self._sent = Sent(engine, collection)  # nothing is yet
        try:
            self._lock = ServerLock(engine, collection)
        except BaseException:
            engine.close()
            raise
        try:
            self._begin(rebuild=rebuild)
        except BaseException:
            self.close()
            raise

    def _begin(self, *, rebuild: bool) -> None:
        self._engine.warn_of_version()
        self._resumed = True
        self._live = self._before = current(self._engine.pointers(), self._collection)
        self._committed, is_dirty = read_record(self._engine, self._live) if self._live else (None, False)
        base = self._committed.manifest if self._committed else None
        if self._live is None or rebuild:
            self._begin_new(base, rebuild=rebuild)
            return
        if base is None:
            raise IndexDamaged(
                f"{self._engine.server} has collection {self._live!r} without its manifest (point 0): restore it from "
                f"a snapshot, choose another SEARCH_COLLECTION, or embed everything again with --rebuild"
            )
        check_model(base, self._spec)
        warn_of_differences(self._collection, base.made_with, self._engine.profile.noted())
        self._use(self._live, Record(base, base=base.generation, folder=self._folder))
        held = self._engine.count(self._name)
        if held != base.count and not is_dirty:
            told = "%s holds %d of %d pictures of collection %r: what it lacks of the folder is indexed again"
            logger.warning(told, self._engine.server, held, base.count, self._collection)
        self._changed = self._resumed = is_dirty or held != base.count
        self._drop(lambda number: number > self._number(self._name))

    def _use(self, name: str, draft: Record) -> None:
        self._name, self._draft = name, draft
        self._sent = Sent(self._engine, name, self._engine.profile.upload.parallel)

    def _settled(self) -> ServerEngine:
        """The engine, when all that was sent has arrived."""
        self._sent.settle()
        return self._engine

    def _begin_new(self, base: Manifest | None, *, rebuild: bool) -> None:
        """Fill a collection out of sight, going on with what an interrupted run of the same kind left."""
        name = physical(self._collection, self._number(self._live) + 1)
        self._changed = True
        if name in self._engine.collections():
            left, _ = read_record(self._engine, name)
            wanted = self._engine.profile.noted()
            alike = left is not None and left.manifest.made_with == wanted
            if left is not None and alike and resumes(left, base, self._spec, self._folder, rebuild=rebuild):
                self._use(name, left)
                return
            self._engine.drop(name)
        fresh = fresh_manifest(self._collection, self._spec, self._folder, base)
        made = replace(fresh, made_with=self._engine.profile.noted())
        self._use(name, Record(made, base=made.generation, rebuilt=base is not None, folder=self._folder))
        self._engine.create(name, self._spec.dim)
        self._write_head(self._draft, dirty=True)

    def _number(self, name: str | None) -> int:
        return number_of(self._collection, name)

    def _drop(self, useless: Callable[[int], bool]) -> None:
        numbers = {name: self._number(name) for name in self._engine.collections()}
        names = [name for name, number in numbers.items() if number and useless(number)]
        if names and self._live is not None:
            self._engine.publish(self._collection, self._live)  # an alias ends with what it points to
        for name in names:
            self._engine.drop(name)

    def _write_head(self, record: Record, *, dirty: bool) -> None:
        self._sent.write_head(head_of(record, dirty=dirty))

    def _change(self, highest_id: int = 0) -> None:
        """Note on the server, before points change, that they do and how far ids are given."""
        self._lock.check()
        manifest = grown(self._draft.manifest, highest_id)
        if not self._changed or manifest != self._draft.manifest:
            self._draft = replace(self._draft, manifest=manifest)
            self._changed = True
            self._write_head(replace(self._draft, final=self._is_final()), dirty=True)

    def _is_final(self) -> bool:
        return self._name == self._live and self._committed is not None and self._committed.final

    def manifest(self) -> Manifest:
        """The manifest this writer started from; `next_id` counts what it wrote since."""
        return self._draft.manifest

    def resumed(self) -> bool:
        """Whether the collection holds other pictures than were committed, or none yet."""
        return self._resumed

    def fetch(self, ids: Sequence[int]) -> dict[int, Known]:
        """The payload of each id that exists."""
        found = self._settled().fetch(self._name, check_ids(ids))
        return {number: to_known(number, payload) for number, payload in found}

    def scan(self) -> Iterator[Known]:
        """Every picture in id order, including what an interrupted run had stored."""
        after = listed = 0
        while page := self._settled().page(self._name, after):
            yield from (to_known(number, payload) for number, payload in page)
            after = page[-1][0]
            listed += len(page)
        held = self._engine.count(self._name)
        if listed < held:  # what is not known would be given a second id
            raise IndexUnavailable(
                f"{self._engine.server} listed {listed} of {held} pictures: run again when it is well"
            )

    def vectors(self, ids: Sequence[int]) -> dict[int, FloatVector]:
        """The unit vector of each id that exists."""
        return self._settled().vectors(self._name, check_ids(ids), "image")

    def words(self, ids: Sequence[int]) -> dict[int, PrintedWords]:
        """The words of each id whose words were read."""
        return read_words(self._settled().words(self._name, check_ids(ids)))

    def points(self, after: int = 0) -> Iterator[WholePoint]:
        """Every point above id `after`, in id order, including what an interrupted run had stored."""
        while page := self._settled().whole(self._name, after):
            yield from from_records(page)
            after = int(page[-1].id)

    def search(self, queries: Sequence[VectorQuery]) -> list[Neighbours]:
        """Answer from what is written so far."""
        check_queries(queries, self._draft.manifest)
        return self._settled().search(self._name, queries)

    def write(self, points: Sequence[WholePoint]) -> None:
        """Add or replace points with their words; see `IndexWriter.write`."""
        manifest = self._draft.manifest
        rows = check_whole(points, self._spec.dim, manifest.words_dim)
        size = self._engine.profile.upload.batch_size
        for start in range(0, len(points), size):
            batch = points[start : start + size]
            self._change(max(int(point.id) for point in batch))
            self._sent.write(batch, rows[start : start + size], manifest.words_fingerprint)

    def reserve(self, next_id: int) -> None:
        """Raise the high-water mark; see `IndexWriter.reserve`."""
        if next_id > self._draft.manifest.next_id:
            self._change(next_id - 1)

    def upsert(self, points: Sequence[Point]) -> None:
        """Add or replace points; see `IndexWriter.upsert`."""
        rows = check_points(points, self._spec.dim)
        size = self._engine.profile.upload.batch_size
        for start in range(0, len(points), size):
            batch = points[start : start + size]
            payloads = {int(point.id): to_payload(point.picture) for point in batch}
            self._change(max(payloads))
            self._sent.upsert(rows[start : start + size], payloads)

    def update_pictures(self, known: Sequence[Known]) -> None:
        """Replace the payload of existing points; raises `ValueError` for an id that is not there."""
        check_pictures([one.picture for one in known])
        self._refuse_unknown([one.id for one in known])
        if known:
            self._change()
            self._sent.update_payloads({one.id: to_payload(one.picture) for one in known})

    def open_words(self, spec: WordsSpec) -> None:
        """Make room for words; see `IndexWriter.open_words`."""
        if not holds(self._draft.manifest, spec):
            self._note_words(WordsSpec("", 0))
            self._settled().open_words(self._name, spec.dim)
            self._note_words(spec)

    def _note_words(self, spec: WordsSpec) -> None:
        self._draft = replace(self._draft, manifest=with_words(self._draft.manifest, spec))
        self._changed = False  # so that the next line writes it
        self._change()

    def update_words(self, points: Sequence[WordsPoint]) -> None:
        """Add or replace the words of existing points; see `IndexWriter.update_words`."""
        manifest = self._draft.manifest
        check_words(points, manifest.words_dim)
        self._refuse_unknown([one.id for one in points])
        for start in range(0, len(points), _BATCH):
            self._change()
            self._sent.update_words(points[start : start + _BATCH], manifest.words_fingerprint)

    def _refuse_unknown(self, ids: Sequence[int]) -> None:
        wanted = check_ids(ids)
        missing = sorted(set(wanted) - set(self._settled().existing(self._name, wanted)))
        if missing:
            raise ValueError(f"no point has id {missing[0]}: only existing pictures can be updated")

    def delete(self, ids: Sequence[int]) -> None:
        """Remove points; unknown ids are ignored."""
        found = self._settled().existing(self._name, check_ids(ids))
        if found:
            self._change()
            self._sent.delete(found)

    def commit(self, *, final: bool = True) -> Manifest:
        """Make everything so far visible under a new generation; a commit of nothing new makes none."""
        committed = self._committed
        same = committed is not None and not self._changed and committed.manifest.folder == self._folder
        if committed is not None and same and (committed.final or not final):
            return committed.manifest
        self._sent.settle()
        self._lock.check(thoroughly=True)
        if self._name == self._live:
            self._engine.index_fields(self._name)  # an older version made it
        if final:
            self._sent.check()
        count = self._engine.count(self._name)
        if final and not self._is_final():
            self._engine.build_graph(self._name, 4 * count * self._spec.dim, self._lock.check)
        manifest = replace(
            self._draft.manifest,
            folder=self._folder,
            model=self._spec.name,
            count=count,
            generation=(committed.manifest.generation if committed else 0) + 1,
            committed_at=round(time.time(), 3),
        )
        record = replace(self._draft, manifest=manifest, final=final or self._is_final())
        self._write_head(record, dirty=False)
        if self._name != self._live:
            self._engine.publish(self._collection, self._name)
            self._live = self._name
        self._committed, self._draft = record, Record(manifest, base=manifest.generation, folder=self._folder)
        self._changed = False
        kept = {self._number(self._live), self._number(self._before)}
        self._drop(lambda number: number not in kept)
        return manifest

    def close(self) -> None:
        """End without another commit; what was not committed stays for the next writer."""
        self._sent.close()
        self._lock.release()
        self._engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
