"""Use case 1: fill an index from a folder. scan -> plan -> decode -> encode -> upsert -> commit."""

import gc
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np

from search_app.datatypes import FloatMatrix, Known, PixelBatch, Point
from search_app.encoders.base import Encoder
from search_app.encoders.soundness import checked, probe_pictures, require_variety
from search_app.errors import EncoderError, IndexDamaged, IngestError, NoIndexYet
from search_app.images.scan import ScanResult, require_folder, scan_images
from search_app.index.base import IndexStore, IndexWriter
from search_app.ingest.ahead import Item, prepare_ahead
from search_app.ingest.copies_pass import lacks_groups, refresh_copies
from search_app.ingest.describe import Description, undescribed
from search_app.ingest.metadata import Metadata, read_metadata
from search_app.ingest.plan import Plan, plan_run, with_ids_from, with_metadata
from search_app.ingest.prepare import Preparation, Prepared
from search_app.ingest.report import IngestReport, Progress, Skipped

FIRST_COMMIT_SECONDS = 20.0
"""Pictures become searchable this soon in a long run."""
COMMIT_SHARE = 0.05
"""Later commits may take this share of the time: each one copies the generation."""
DESCRIBED_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class IngestOptions:
    """What the user can ask of an index run."""

    max_pixels: int
    workers: int = 0
    """Decoding threads; 0 means one for each core."""
    rebuild: bool = False
    """Embed everything again, into a fresh generation."""
    metadata: Path | None = None
    """A file about the pictures, which replaces what an earlier one said; None: that stays."""

    @property
    def threads(self) -> int:
        """Decoding threads, in numbers."""
        return self.workers or os.cpu_count() or 1


def run_ingest(
    folder: Path, encoder: Encoder, store: IndexStore, options: IngestOptions, progress: Progress
) -> IngestReport:
    """Make the collection mirror `folder`.

    Raises `IngestError` where there is nothing to do it with (no folder, or no picture in it while the index holds
    some, or a metadata file that cannot be used), `ModelMismatch`, `IndexInUse` or `DiskFull`; what was committed
    before stays searchable.
    """
    started = time.perf_counter()
    folder = require_folder(folder)  # looked at first: a wrong one leaves nothing behind
    with store.writer(encoder.spec, str(folder), rebuild=options.rebuild) as writer:
        # Folder and index are compared while nobody else can add to both: what came after the scan would seem gone.
        scan = scan_images(folder)
        metadata = read_metadata(options.metadata, [ref.path for ref in scan.found]) if options.metadata else None
        replaced = _committed(store) if options.rebuild else []
        run = _Run(folder, encoder, writer, options, progress)
        report = run.mirror(scan, replaced, metadata)
    return replace(report, seconds=time.perf_counter() - started)


def _committed(store: IndexStore) -> list[Known]:
    reader = store.reader()
    try:
        return list(reader.scan())
    except (NoIndexYet, IndexDamaged):
        # A rebuild is the remedy for damage that no export can mend; whose ids were whose is lost with it.
        return []
    finally:
        reader.close()


class _Run:
    """One index run; holds what its steps share."""

    def __init__(
        self, folder: Path, encoder: Encoder, writer: IndexWriter, options: IngestOptions, progress: Progress
    ) -> None:
        self._folder = folder
        self._encoder = encoder
        self._writer = writer
        self._progress = progress
        self._workers = options.threads
        self._preparation = Preparation(folder, encoder, options.max_pixels)
        self._description = Description(folder, options.max_pixels)
        self._before = writer.manifest()
        self._next_id = self._before.next_id
        self._skipped: list[Skipped] = []
        self._indexed = self._described = 0
        # Groups of copies among pictures with smaller ids stay as they are.
        self._came_since = 0
        # Pictures of another folder stay searchable until all of this one are: their files cannot be served from here.
        # A rebuild replaces the whole of them at once.
        same_folder = self._before.folder == str(folder)
        self._shows_progress = not options.rebuild and (self._before.count == 0 or same_folder)

    def mirror(self, scan: ScanResult, replaced: list[Known], metadata: Metadata | None) -> IngestReport:
        known = _held_by(self._writer)
        held = len(known) or len(replaced)
        if held and not scan.found:
            raise IngestError(
                f"{self._folder} holds no picture, but the collection holds {held}: is it the right folder, "
                "and is its disk mounted? Nothing was changed"
            )
        self._skipped += [Skipped(item.path, item.reason) for item in scan.skipped]
        plan = plan_run(scan.found, known, self._preparation.hash_file, scan.is_hidden)
        if replaced:
            identities = plan_run(scan.found, replaced, self._preparation.hash_file)
            plan = with_ids_from(plan, identities, replaced)
        plan = with_metadata(plan, known, replaced, scan.found, metadata.values if metadata else None)
        if plan.embed:
            probe_pictures(self._encoder)  # a broken model is told before anything is changed
        self._writer.update_pictures(plan.relabel)
        to_describe = undescribed(known, plan, scan.found)
        is_grouped = len(known) == self._before.count and not to_describe and not lacks_groups(known)
        if is_grouped and not plan.remove and all(item.id is None for item in plan.embed):
            self._came_since = self._before.next_id
        gone = self._embed(plan)
        removed = [*plan.remove, *gone]
        self._writer.delete(removed)
        self._describe(to_describe)
        if self._indexed or removed or not is_grouped:
            # In this commit, so that groups are never of other pictures than those that are searchable.
            refresh_copies(self._writer, since=self._came_since)
        manifest = self._writer.commit(final=True)
        return IngestReport(
            folder=str(self._folder),
            collection=manifest.collection,
            model=manifest.model,
            device=self._encoder.spec.device,
            indexed=self._indexed,
            unchanged=plan.unchanged,
            renamed=plan.renamed,
            removed=len(removed),
            skipped=tuple(sorted(self._skipped, key=lambda item: item.path)),
            seconds=0.0,
            total=manifest.count,
            described=self._described,
            metadata=metadata.report() if metadata else None,
        )

    def _embed(self, plan: Plan) -> list[int]:
        """Embed and store what the plan asks for; returns ids of known pictures whose file is no picture any more."""
        gone: list[int] = []
        batch_size = self._encoder.spec.batch_size
        done, total = 0, len(plan.embed)
        next_commit = time.monotonic() + FIRST_COMMIT_SECONDS
        stream = prepare_ahead(
            self._preparation.run, plan.embed, workers=self._workers, ahead=2 * batch_size + self._workers
        )
        self._progress(0, total, 0)
        for batch in _batches(stream, batch_size):
            stored = self._store([item for item in batch if item.pixels is not None])
            for item in batch:
                if item.reason or item.item.ref.path not in stored:
                    self._skipped.append(Skipped(item.item.ref.path, item.reason or "the model gives no usable vector"))
                    gone += [] if item.item.id is None else [item.item.id]
            done += len(batch)
            self._progress(done, total, len(self._skipped))
            if self._shows_progress and time.monotonic() >= next_commit and done < total:
                began = time.monotonic()
                refresh_copies(self._writer, since=self._came_since)
                self._writer.commit(final=False)
                took = time.monotonic() - began
                next_commit = time.monotonic() + max(FIRST_COMMIT_SECONDS, took / COMMIT_SHARE)
        return gone

    def _describe(self, items: Sequence[Known]) -> None:
        """Look once more at pictures of an older index; one that cannot be used any more stays as it is."""
        described = self._description.ahead(items, self._workers)
        for done, batch in enumerate(_batches(described, DESCRIBED_AT_ONCE), 1):
            usable = [item for item in batch if item is not None]
            self._writer.update_pictures(usable)
            self._described += len(usable)
            self._progress(min(done * DESCRIBED_AT_ONCE, len(items)), len(items), len(self._skipped))

    def _store(self, batch: Sequence[Prepared]) -> set[str]:
        """Encode and upsert; returns the paths that were stored. Ids are given here, in path order, to what works."""
        usable, vectors = self._encode(batch)
        if usable:
            require_variety(self._encoder, _pixels(usable), vectors)
        points = []
        for item, vector in zip(usable, vectors, strict=True):
            number = item.item.id
            if number is None:
                number, self._next_id = self._next_id, self._next_id + 1
            assert item.picture is not None  # noqa: S101 - what has pixels has a picture
            points.append(Point(number, vector, item.picture))
        self._writer.upsert(points)
        self._indexed += len(points)
        return {point.picture.path for point in points}

    def _encode(self, batch: Sequence[Prepared]) -> tuple[Sequence[Prepared], FloatMatrix]:
        """Encode a batch; where that fails each picture is tried alone, so that one cannot cost the others.

        Raises `EncoderError` where none of several works: then the model is broken, not the pictures.
        """
        if not batch:
            return [], np.empty((0, self._encoder.spec.dim), np.float32)
        try:
            return batch, self._encode_pixels(batch)
        except EncoderError:
            usable, rows = [], []
            for item in batch:
                try:
                    rows.append(self._encode_pixels([item]))
                    usable.append(item)
                except EncoderError:
                    continue
            if len(batch) > 1 and not usable:
                raise
            return usable, np.concatenate([np.empty((0, self._encoder.spec.dim), np.float32), *rows])

    def _encode_pixels(self, batch: Sequence[Prepared]) -> FloatMatrix:
        return checked(self._encoder, self._encoder.encode_images(_pixels(batch)), len(batch))


def _held_by(writer: IndexWriter) -> list[Known]:
    """All pictures there are. Some millions of small objects without a cycle: the collector would only look at them."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        return list(writer.scan())
    finally:
        if was_enabled:
            gc.enable()


def _pixels(batch: Sequence[Prepared]) -> PixelBatch:
    return np.stack([item.pixels for item in batch if item.pixels is not None])


def _batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    source = iter(items)
    while batch := list(islice(source, size)):
        yield batch
