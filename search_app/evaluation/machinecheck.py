"""What an index and its people's judgements stand on: export, leftovers, disk, clock, database."""

import time
from collections.abc import Iterator
from pathlib import Path

from search_app.errors import DiskFull
from search_app.evaluation.selfcheck import Check
from search_app.index.examined import FolderFacts
from search_app.index.files import require_space
from search_app.judgements.examine import fault_of

CLOCK_TOLERANCE_S = 300.0


def check_folder(facts: FolderFacts, index_dir: Path) -> Iterator[Check]:
    """What lies beside the vectors of an embedded index."""
    yield _check_export(facts)
    yield _check_leftovers(facts)
    yield _check_clock(facts.changed)
    yield check_space(index_dir, facts.size)


def check_space(index_dir: Path, size: int) -> Check:
    """Whether the next index run would have room for a copy of what is there."""
    name = "room on the disk for the next index run"
    if not index_dir.is_dir():
        return Check(name, ok=None, detail=f"{index_dir} is not there yet")
    try:
        require_space(index_dir, size)
    except DiskFull as error:
        return Check(name, ok=False, detail=str(error), remedy="free some space, or move SEARCH_INDEX_DIR")
    return Check(name, ok=True, detail=f"at least twice the {size / 1e6:.0f} MB of the index, and 200 MB")


def check_judgements(index_dir: Path, scratch: Path) -> Check:
    """Whether what people said can be read."""
    name, fault = "judgements", fault_of(index_dir, scratch)
    if fault is None:
        return Check(name, ok=None, detail="nobody has judged anything yet")
    remedy = "restore judgements.sqlite from a backup, or save what can be read with `sqlite3 FILE .recover`"
    return Check(name, ok=not fault, detail=fault or "the database is sound", remedy=remedy if fault else "")


def _check_export(facts: FolderFacts) -> Check:
    name = "the export, which a damaged index is rebuilt from"
    if not facts.is_exported:
        detail = "not written yet: a run of `index` was interrupted or is under way"
        return Check(name, ok=None, detail=detail, remedy="run `python -m search_app index FOLDER` to its end")
    remedy = "run `python -m search_app index FOLDER --rebuild`" if facts.export else ""
    return Check(
        name, ok=not facts.export, detail=facts.export or "its files have the sums that were noted", remedy=remedy
    )


def _check_leftovers(facts: FolderFacts) -> Check:
    name = "nothing is left of interrupted runs"
    if facts.writer:
        return Check(name, ok=None, detail=f"{facts.writer} is writing now")
    left = [*facts.leftovers, *facts.set_aside]
    remedy = "run `python -m search_app index FOLDER`: it goes on from there and removes the rest" if left else ""
    return Check(name, ok=None if left else True, detail=", ".join(left) or "no part folders, no copies", remedy=remedy)


def _check_clock(changed: float) -> Check:
    name, ahead = "the clock", changed - time.time()
    if ahead > CLOCK_TOLERANCE_S:
        detail = f"the index was changed {ahead / 3600:.1f} hours from now: this clock is slow, or was wrong then"
        return Check(name, ok=False, detail=detail, remedy="set the clock (NTP)")
    return Check(name, ok=True, detail=f"the index was changed {-ahead / 3600:.1f} hours ago")
