"""The work of an embedded collection's one writer: the next generation, from its beginning to its commit."""

import time
from collections.abc import Sequence
from dataclasses import replace

from search_app.datatypes import EncoderSpec, Manifest
from search_app.errors import IndexDamaged
from search_app.index.edge import garbage
from search_app.index.edge.changes import Changes
from search_app.index.edge.deltas import add_delta
from search_app.index.edge.finish import Finish
from search_app.index.edge.generations import MANIFEST, SHARD, CollectionFolder, Ground
from search_app.index.edge.locks import FileLock
from search_app.index.edge.restoring import copy_or_restore
from search_app.index.edge.shard import INDEX_FROM, EdgeShard
from search_app.index.files import boot_id, real_size, require_space
from search_app.index.graph import Shape
from search_app.index.kept import warn_of_differences
from search_app.index.manifest import Record, check_model, fresh_manifest, grown, read_record, resumes, write_record

_OWNER_ENDS_S = 10.0
"""How long the owner of a writer that was just killed may take to end."""


class Work:
    """What will be the next generation; `generations` draws what lies where.

    The work folder is made when it is first needed. Its manifest is written with the first change: a work folder
    without one holds nothing worth resuming.
    """

    def __init__(
        self, place: CollectionFolder, spec: EncoderSpec, folder: str, *, rebuild: bool, shape: Shape, lock: FileLock
    ) -> None:
        """`lock` is that of the collection's one writer; `close` gives it back."""
        self._place, self._spec, self._folder, self._shape, self._lock = place, spec, folder, shape, lock
        self._shard: EdgeShard | None = None
        self._made = self._opened = self._changed = self.resumed = False
        """`resumed`: it goes on with what an interrupted run had stored."""
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
        self._place.find_current_again()
        garbage.sweep(self._place)
        self._part = self._place.part()
        self._base = self._place.current()
        self._committed = read_record(self._base / MANIFEST) if self._base else None
        self._ground = self._place.ground(self._base, self._committed) if self._base and self._committed else None
        base = self._committed.manifest if self._committed else None
        self._changes = Changes(self._base, base)
        if base is not None and not rebuild:
            check_model(base, self._spec)
            warn_of_differences(base.collection, base.made_with, self._shape.made_with)
            self._draft = self._begun(base)
        else:
            fresh = fresh_manifest(self._place.collection, self._spec, self._folder, base)
            made = replace(fresh, made_with=self._shape.made_with)
            self._draft = self._begun(made, rebuilt=base is not None)
            self._changes.forget()
            self._base = self._ground = None
            self._changed = True
        self._resume(base, rebuild=rebuild)

    def _begun(self, manifest: Manifest, *, rebuilt: bool = False) -> Record:
        """The record of what is begun from `manifest`."""
        return Record(manifest, base=manifest.generation, rebuilt=rebuilt, boot=boot_id(), folder=self._folder)

    def _resume(self, base: Manifest | None, *, rebuild: bool) -> None:
        """Go on with what an interrupted run of the same kind left, or remove it.

        What the machine lost its power over is removed: nothing of it was ever synced to the disk.
        """
        try:
            left = read_record(self._part / MANIFEST)
            alike = left.manifest.made_with == self._draft.manifest.made_with
            if alike and left.boot == boot_id() and resumes(left, base, self._spec, self._folder, rebuild=rebuild):
                self._made = self._changed = self.resumed = True
                highest = self.shard().highest_id()
                self._draft = replace(left, manifest=grown(left.manifest, highest))
                self._changes.forget()
                return
        except IndexDamaged:  # no manifest, or no shard that opens
            self._made, self._changed, self.resumed = False, self._base is None, False
        self._place.drop(self._part)

    def shard(self) -> EdgeShard:
        """The shard of the work folder; folder, process and shard are made, or made again, when missing."""
        if self._shard is not None and not self._shard.process.alive:
            self._shard.close()
            self._shard, self._opened = None, False
        shard = self._shard = self._shard or EdgeShard(shape=self._shape)
        if not self._opened:
            if self._made:
                shard.load(self._part / SHARD, patience=_OWNER_ENDS_S)
            else:
                self._make_part(shard)
            self._opened = True
        return shard

    def _make_part(self, shard: EdgeShard) -> None:
        if self._ground is None:
            self._place.begin_part(None)
            shard.create(self._part / SHARD, self._spec.dim, self._shape)
        else:
            copied = copy_or_restore(shard, self._place, self._ground, self._shape)
            self._changed = self._changed or not copied
            self._add_delta(shard)
        if self._changed:
            write_record(self._part / MANIFEST, self._draft)
        self._made = True

    def _add_delta(self, shard: EdgeShard) -> None:
        """What the generation has beyond the whole one that was copied."""
        if self._base is not None and self._committed is not None:
            delta = add_delta(shard, self._base, self._committed)
            self._changes.note([*delta.touched], lost=False)

    def change(self, ids: Sequence[int], *, lost: bool) -> EdgeShard:
        """As `shard`, to change these points; raises `DiskFull` before the engine would die of it."""
        shard = self.shard()
        require_space(self._place.path, real_size(self._part))
        if not self._changed:
            write_record(self._part / MANIFEST, self._draft)
            self._changed = True
        self._changes.note(ids, lost=lost)
        return shard

    def grow(self, highest_id: int) -> None:
        """Note that ids are given as far as this."""
        self._draft = replace(self._draft, manifest=grown(self._draft.manifest, highest_id))

    def note(self, manifest: Manifest) -> None:
        """Keep another manifest, on the disk too."""
        self._draft = replace(self._draft, manifest=manifest)
        write_record(self._part / MANIFEST, self._draft)

    def forget_changes(self) -> None:
        """Take everything as changed."""
        self._changes.forget()

    def commit(self, *, final: bool) -> Manifest:
        """Make everything so far durable and visible; a commit of nothing new makes no generation."""
        committed = self._committed
        same = committed is not None and not self._changed and committed.manifest.folder == self._folder
        if committed is not None and same and (committed.final or not final):
            self._discard_part()
            return committed.manifest
        record = self._finish(final=final)
        self._base = self._place.publish(self._part)
        self._ground = Ground(self._base, record)
        self._made = self._changed = False
        self._changes.committed()
        self._committed, self._draft = record, self._begun(record.manifest)
        garbage.collect(self._place, self._changes.worth_a_rollback() if final else self._changes.before)
        self._part = self._place.part()
        if final:
            self._changes = Changes(self._base, record.manifest)
        return record.manifest

    def _finish(self, *, final: bool) -> Record:
        """Complete the work folder and close its shard."""
        shard = self.shard()
        require_space(self._place.path, real_size(self._part))
        manifest = replace(
            self._draft.manifest,
            folder=self._folder,
            model=self._spec.name,
            generation=self._place.next_number(),
            committed_at=round(time.time(), 3),
        )
        finish = Finish(shard, self._part, self._ground, min(self._shape.graph_from, INDEX_FROM))
        record = finish.run(replace(self._draft, manifest=manifest, final=final), self._changes.few())
        self._opened = False
        return record

    def _discard_part(self) -> None:
        if self._opened:
            self.shard().give_back()
        self._place.drop(self._part)
        self._made = self._opened = False

    def close(self) -> None:
        """End without another commit; what was not committed stays for the next writer to resume or drop."""
        if self._shard is not None:
            self._shard.close()
            self._shard = None
        if self._made and not self._changed:
            self._place.drop(self._part)
        self._made = self._opened = False
        self._lock.release()
