"""Use case 1: fill an index from a source. scan -> plan -> decode -> encode -> upsert -> commit."""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from search_app.datatypes import Known, Point
from search_app.encoders.base import Encoder
from search_app.encoders.soundness import probe_pictures
from search_app.errors import IndexDamaged, IngestError, NoIndexYet
from search_app.images.scan import ScanResult
from search_app.index.base import IndexStore, IndexWriter
from search_app.ingest.ahead import batches
from search_app.ingest.carried import carry_words
from search_app.ingest.copies_pass import all_pictures, is_grouped, refresh_copies
from search_app.ingest.describe import Description, undescribed
from search_app.ingest.encode import Encoded
from search_app.ingest.engine import Engine, IngestOptions, LocalEngine, MakeEngine
from search_app.ingest.metadata import Metadata, gather_metadata
from search_app.ingest.plan import Plan, plan_run, with_ids_from, with_metadata
from search_app.ingest.prepare import Preparation
from search_app.ingest.report import IngestReport, Progress, Skipped
from search_app.sources.base import Source
from search_app.sources.opening import as_source

__all__ = ["IngestOptions", "run_ingest"]

FIRST_COMMIT_SECONDS = 20.0
"""Pictures become searchable this soon in a long run."""
COMMIT_SHARE = 0.05
"""Later commits may take this share of the time: each one copies the generation."""
DESCRIBED_AT_ONCE = 200
GIVEN_UP_AFTER = 100
"""Pictures of which none could be had."""


def run_ingest(
    folder: Path | Source,
    encoder: Encoder,
    store: IndexStore,
    options: IngestOptions,
    progress: Progress,
    make_engine: MakeEngine = LocalEngine,
) -> IngestReport:
    """Make the collection mirror `folder`, or another source.

    Raises `IngestError` where there is nothing to do it with (no folder, or no picture in it while the index holds
    some, or a metadata file that cannot be used), `ModelMismatch`, `IndexInUse` or `DiskFull`; what was committed
    before stays searchable.
    """
    started = time.perf_counter()
    source = as_source(folder)  # looked at first: a wrong folder leaves nothing behind
    with store.writer(encoder.spec, source.location, rebuild=options.rebuild) as writer:
        # Source and index are compared while nobody else can add to both: what came after the scan would seem gone.
        scan = source.scan()
        metadata = gather_metadata(scan, options.metadata)
        replaced = _committed(store) if options.rebuild else []
        run = _Run(source, encoder, writer, options, progress)
        run.mirror(scan, replaced, metadata, make_engine(source, encoder, options))
        if replaced:
            carry_words(store, writer, options.words)
        report = run.commit(metadata)
    return replace(report, seconds=time.perf_counter() - started)


def _committed(store: IndexStore) -> list[Known]:
    reader = store.reader()
    try:
        return all_pictures(reader.scan())
    except (NoIndexYet, IndexDamaged):
        # A rebuild is the remedy for damage that no export can mend; whose ids were whose is lost with it.
        return []
    finally:
        reader.close()


class _Run:
    """One index run; holds what its steps share."""

    def __init__(
        self, source: Source, encoder: Encoder, writer: IndexWriter, options: IngestOptions, progress: Progress
    ) -> None:
        self._source = source
        self._encoder = encoder
        self._writer = writer
        self._progress = progress
        self._workers = options.threads
        self._preparation = Preparation(source, encoder, options.max_pixels)
        self._description = Description(source, options.max_pixels)
        self._before = writer.manifest()
        self._next_id = self._before.next_id
        self._skipped: list[Skipped] = []
        self._indexed = self._described = self._unchanged = self._renamed = self._removed = 0
        self._is_reached = self._is_silent = False
        # Groups of copies among pictures with smaller ids stay as they are.
        self._came_since = 0
        # Pictures of another folder stay searchable until all of this one are: their files cannot be served from here.
        # A rebuild replaces the whole of them at once.
        same_folder = self._before.folder == source.location
        self._shows_progress = not options.rebuild and (self._before.count == 0 or same_folder)

    def mirror(self, scan: ScanResult, replaced: list[Known], metadata: Metadata | None, engine: Engine) -> None:
        known = all_pictures(self._writer.scan())
        held = len(known) or len(replaced)
        if held and not scan.found:
            raise IngestError(
                f"{self._source.location} holds no picture, but the collection holds {held}: is it the right folder, "
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
        has_groups = not to_describe and is_grouped(known, self._before)
        if has_groups and not plan.remove and all(item.id is None for item in plan.embed):
            self._came_since = self._before.next_id
        gone = self._embed(plan, engine)
        removed = [*plan.remove, *gone]
        self._writer.delete(removed)
        self._describe(to_describe)
        if self._indexed or removed or not has_groups:
            # In this commit, so that groups are never of other pictures than those that are searchable.
            refresh_copies(self._writer, since=self._came_since)
        # A source that could say something of its pictures, and does not, is no matter for the report.
        self._is_silent = scan.meta is not None and metadata is not None and metadata == Metadata({})
        self._unchanged, self._renamed, self._removed = plan.unchanged, plan.renamed, len(removed)

    def commit(self, metadata: Metadata | None) -> IngestReport:
        """Show what was made, and tell what was done."""
        manifest = self._writer.commit(final=True)
        return IngestReport(
            folder=self._source.location,
            collection=manifest.collection,
            model=manifest.model,
            device=self._encoder.spec.device,
            indexed=self._indexed,
            unchanged=self._unchanged,
            renamed=self._renamed,
            removed=self._removed,
            skipped=tuple(sorted(self._skipped, key=lambda item: item.path)),
            seconds=0.0,
            total=manifest.count,
            described=self._described,
            metadata=metadata.report() if metadata is not None and not self._is_silent else None,
        )

    def _embed(self, plan: Plan, engine: Engine) -> list[int]:
        """Embed and store what the plan asks for; returns ids of known pictures whose file is no picture any more."""
        gone: list[int] = []
        done, total = 0, len(plan.embed)
        next_commit = time.monotonic() + FIRST_COMMIT_SECONDS
        self._progress(0, total, 0)
        for batch in engine.encoded(plan.embed):
            self._store(batch)
            for item in batch:
                if item.picture is None:
                    self._skipped.append(Skipped(item.item.ref.path, item.reason))
                    gone += [] if item.item.id is None or item.is_unreachable else [item.item.id]
            done += len(batch)
            self._progress(done, total, len(self._skipped))
            self._require_some(done, batch)
            if self._shows_progress and time.monotonic() >= next_commit and done < total:
                began = time.monotonic()
                refresh_copies(self._writer, since=self._came_since)
                self._writer.commit(final=False)
                took = time.monotonic() - began
                next_commit = time.monotonic() + max(FIRST_COMMIT_SECONDS, took / COMMIT_SHARE)
        return gone

    def _require_some(self, done: int, batch: Sequence[Encoded]) -> None:
        """Give up where nothing at all can be had: each picture would be waited for in vain."""
        self._is_reached |= not all(item.is_unreachable for item in batch)
        if done >= GIVEN_UP_AFTER and not self._is_reached:
            raise IngestError(
                f"none of the first {done} pictures of {self._source.location} can be had ({batch[-1].reason}): is it "
                "there, and may it be read from here?"
            )

    def _describe(self, items: Sequence[Known]) -> None:
        """Look once more at pictures of an older index; one that cannot be used any more stays as it is."""
        described = self._description.ahead(items, self._workers)
        for done, batch in enumerate(batches(described, DESCRIBED_AT_ONCE), 1):
            usable = [item for item in batch if item is not None]
            self._writer.update_pictures(usable)
            self._described += len(usable)
            self._progress(min(done * DESCRIBED_AT_ONCE, len(items)), len(items), len(self._skipped))

    def _store(self, batch: Sequence[Encoded]) -> None:
        """Upsert what has a vector. Ids are given here, in path order, to what works."""
        points = []
        for item in batch:
            if item.picture is None or item.vector is None:
                continue
            number = item.item.id
            if number is None:
                number, self._next_id = self._next_id, self._next_id + 1
            points.append(Point(number, item.vector, item.picture))
        self._writer.upsert(points)
        self._indexed += len(points)
