"""From paths that were touched to a commit: looked at, planned and embedded without the lock, stored under it."""

import time
from collections.abc import Collection, Container, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from search_app.datatypes import ImageRef, Known, Manifest
from search_app.encoders.base import Encoder
from search_app.errors import IngestError
from search_app.images.scan import ScanResult, scan_paths
from search_app.index.base import IndexStore, IndexWriter
from search_app.ingest.adding.holdings import Holdings
from search_app.ingest.adding.session import Session
from search_app.ingest.encode import Encoded
from search_app.ingest.engine import IngestOptions, LocalEngine
from search_app.ingest.metadata import read_metadata
from search_app.ingest.plan import Plan, plan_run, with_metadata
from search_app.ingest.prepare import Preparation
from search_app.ingest.report import Skipped
from search_app.sources.folder import FolderSource

FRESH_S = 5.0
"""A file that was written to so lately and is no picture may become one: whoever writes it took a pause."""


@dataclass(frozen=True, slots=True)
class Followed:
    """What one batch of touched paths came to."""

    indexed: Sequence[str] = ()
    """Paths of pictures that were embedded."""
    renamed: int = 0
    removed: int = 0
    skipped: Sequence[Skipped] = ()
    again: Sequence[str] = ()
    """Paths to look at once more: their files changed meanwhile."""
    needs_rescan: bool = False
    """Whether only a look at the whole folder can tell what happened; nothing was done then."""

    @property
    def is_something(self) -> bool:
        """Whether there is anything to tell."""
        return bool(self.indexed or self.renamed or self.removed or self.skipped)


class FolderGone(IngestError):
    """The folder is not there, or another one is in its place: nobody knows what became of its pictures."""


@dataclass(slots=True)
class Follower:
    """Follows one folder into one collection, with a model that stays open."""

    source: FolderSource
    encoder: Encoder
    store: IndexStore
    options: IngestOptions
    held: Holdings | None = None
    _identity: tuple[int, int] = field(init=False)

    def __post_init__(self) -> None:
        self.store = self.store.lightly()
        self.take_folder()

    def take_folder(self) -> None:
        """Follow the folder that is there now; raises `FolderGone` where there is none."""
        self._identity = self._look_at_folder()

    def require_folder(self) -> None:
        """Raises `FolderGone` where it is not the one that was opened: its disk may not be mounted."""
        if self._look_at_folder() != self._identity:
            raise FolderGone(f"{self.source.folder} is not the folder it was: is its disk mounted? Nothing is removed")

    def _look_at_folder(self) -> tuple[int, int]:
        try:
            status = self.source.folder.stat()
        except OSError as error:
            raise FolderGone(
                f"{self.source.folder} is gone ({error.strerror}): is its disk mounted? Nothing is removed"
            ) from None
        return status.st_dev, status.st_ino

    def metadata_mark(self) -> tuple[int, int] | None:
        """Changes when the metadata file does; None where there is none."""
        try:
            status = self.options.metadata.stat() if self.options.metadata else None
        except OSError:
            return None
        return (status.st_mtime_ns, status.st_size) if status else None

    def moved_on(self, before: Manifest, after: Manifest) -> None:
        """See `Holdings.moved_on`."""
        if self.held is not None:
            self.held.moved_on(before, after)

    def follow(self, touched: Collection[str], unsettled: Container[str]) -> Followed:
        """Bring the index after what happened at the `touched` paths and below; `unsettled` are left for later.

        Raises `FolderGone`, and what an index run raises.
        """
        scan = scan_paths(self.source.folder, touched)
        if scan is None:
            return Followed(needs_rescan=True)
        batch = _Batch(self.source.folder, touched, unsettled, scan, self.options.metadata)
        preparation = Preparation(self.source, self.encoder, self.options.max_pixels)
        with self._writing() as writer:
            self.held = held = Holdings.of(writer, self.held)
            plan, _ = batch.plan(held, writer, preparation)
            is_all = held.manifest.count > 0 and len(plan.remove) == held.manifest.count
        if is_all and not plan.embed and not plan.relabel:
            return Followed(needs_rescan=True)  # which tells an empty folder from one that is not mounted
        if not (plan.embed or plan.relabel or plan.remove):
            return Followed(skipped=batch.skipped())
        engine = LocalEngine(self.source, self.encoder, self.options)
        made = {one.item.ref.path: one for part in engine.encoded(plan.embed) for one in part}
        self.require_folder()
        return self._store(batch, preparation, made)

    def _store(self, batch: "_Batch", preparation: Preparation, made: Mapping[str, Encoded]) -> Followed:
        with self._writing() as writer:
            held, self.held = Holdings.of(writer, self.held), None
            # Planned again: somebody else may have committed since.
            plan, known = batch.plan(held, writer, preparation)
            embed = [item for item in plan.embed if _is_made(item.ref, made)]
            again = [item.ref.path for item in plan.embed if item not in embed]
            session = Session(self.source.folder, writer, held)
            gone = session.follow(Plan(embed, plan.relabel, plan.remove), known, made)
            session.commit()
            self.held = held
        return Followed(
            indexed=[item.ref.path for item in embed if made[item.ref.path].picture is not None],
            renamed=plan.renamed,
            removed=len(gone),
            skipped=[
                *batch.skipped(),
                *(Skipped(item.ref.path, made[item.ref.path].reason) for item in embed if made[item.ref.path].reason),
            ],
            again=again,
        )

    def _writing(self) -> IndexWriter:
        return self.store.writer(self.encoder.spec, self.source.location)


def _is_made(ref: ImageRef, made: Mapping[str, Encoded]) -> bool:
    """Whether what was made of a file counts: not where it changed since, nor where it may not be whole yet."""
    one = made.get(ref.path)
    if one is None or one.item.ref != ref:
        return False
    return one.picture is not None or abs(time.time() - ref.mtime_ns / 1e9) > FRESH_S


@dataclass(frozen=True, slots=True)
class _Batch:
    folder: Path
    touched: Collection[str]
    unsettled: Container[str]
    scan: ScanResult
    metadata: Path | None

    def plan(self, held: Holdings, writer: IndexWriter, preparation: Preparation) -> tuple[Plan, dict[int, Known]]:
        """What is to be done, as an index run has it, and what is known of all who may take part, by id."""
        found = [ref for ref in self.scan.found if ref.path not in self.unsettled]
        ids = held.at({*self.touched, *(ref.path for ref in found)})
        known = {number: one for number, one in writer.fetch(ids).items() if one.picture.path not in self.unsettled}
        plan = plan_run(found, known.values(), preparation.hash_file, self.scan.is_hidden)
        said = read_metadata(self.metadata, [ref.path for ref in found]).values if self.metadata else None
        return with_metadata(plan, [*known.values()], [], found, said), known

    def skipped(self) -> list[Skipped]:
        """What can never be used."""
        return [Skipped(one.path, one.reason) for one in self.scan.skipped if one.path not in self.unsettled]
