"""The work of the one writer on a Qdrant server: the physical collection it changes, and what that is said to hold."""

import logging
import time
from collections.abc import Callable
from dataclasses import replace

from search_app.datatypes import EncoderSpec, Manifest
from search_app.errors import IndexDamaged
from search_app.index.kept import warn_of_differences
from search_app.index.manifest import Record, check_model, fresh_manifest, grown, resumes
from search_app.index.server.engine import ServerEngine
from search_app.index.server.head import head_of, read_record
from search_app.index.server.lock import ServerLock
from search_app.index.server.names import current, number_of, physical
from search_app.index.server.sent import Sent

logger = logging.getLogger(__name__)


class Work:
    """The current collection, to be changed in place, or a new one that the alias is moved to in the end."""

    def __init__(self, engine: ServerEngine, collection: str, spec: EncoderSpec, folder: str, *, rebuild: bool) -> None:
        """The engine is closed with it; so it is where this raises."""
        self._engine, self._collection, self._spec, self._folder = engine, collection, spec, folder
        self.sent = Sent(engine, collection)  # nothing is yet
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

    @property
    def manifest(self) -> Manifest:
        """That of the generation it began from, with what changed since."""
        return self._draft.manifest

    def _begin(self, *, rebuild: bool) -> None:
        self._engine.warn_of_version()
        self.resumed = True
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
        held = self._engine.count(self.name)
        if held != base.count and not is_dirty:
            told = "%s holds %d of %d pictures of collection %r: what it lacks of the folder is indexed again"
            logger.warning(told, self._engine.server, held, base.count, self._collection)
        self._changed = self.resumed = is_dirty or held != base.count
        self._drop(lambda number: number > self._number(self.name))

    def _use(self, name: str, draft: Record) -> None:
        self.name, self._draft = name, draft
        self.sent = Sent(self._engine, name, self._engine.profile.upload.parallel)

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
        self.sent.write_head(head_of(record, dirty=dirty))

    def change(self, highest_id: int = 0) -> None:
        """Note on the server, before points change, that they do and how far ids are given."""
        self._lock.check()
        manifest = grown(self._draft.manifest, highest_id)
        if not self._changed or manifest != self._draft.manifest:
            self._draft = replace(self._draft, manifest=manifest)
            self._changed = True
            self._write_head(replace(self._draft, final=self._is_final()), dirty=True)

    def _is_final(self) -> bool:
        return self.name == self._live and self._committed is not None and self._committed.final

    def settled(self) -> ServerEngine:
        """The engine, when all that was sent has arrived."""
        self.sent.settle()
        return self._engine

    def note(self, manifest: Manifest) -> None:
        """Keep another manifest, on the server too."""
        self._draft = replace(self._draft, manifest=manifest)
        self._changed = False  # so that the next line writes it
        self.change()

    def commit(self, *, final: bool) -> Manifest:
        """Make everything so far visible under a new generation; a commit of nothing new makes none."""
        committed = self._committed
        same = committed is not None and not self._changed and committed.manifest.folder == self._folder
        if committed is not None and same and (committed.final or not final):
            return committed.manifest
        self.sent.settle()
        self._lock.check(thoroughly=True)
        if self.name == self._live:
            self._engine.index_fields(self.name)  # an older version made it
        if final:
            self.sent.check()
        count = self._engine.count(self.name)
        if final and not self._is_final():
            self._engine.build_graph(self.name, 4 * count * self._spec.dim, self._lock.check)
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
        if self.name != self._live:
            self._engine.publish(self._collection, self.name)
            self._live = self.name
        self._committed, self._draft = record, Record(manifest, base=manifest.generation, folder=self._folder)
        self._changed = False
        kept = {self._number(self._live), self._number(self._before)}
        self._drop(lambda number: number not in kept)
        return manifest

    def close(self) -> None:
        """End without another commit."""
        self.sent.close()
        self._lock.release()
        self._engine.close()
