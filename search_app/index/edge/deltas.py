"""What a few changes made of a whole generation: the points that are new or other, and the ids that are gone.

A generation that is such a delta has no shard of its own: readers open a private copy of the whole generation beneath
it and change that. It holds all changes since that generation, not those of the last commit only, so two folders are
all that is ever needed. It lies there in the form of an export, and twice: nothing else could mend it.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from search_app.datatypes import Manifest
from search_app.errors import IndexDamaged
from search_app.index.edge.export import Digests, Rows, is_good, read_export, write_export
from search_app.index.edge.shard import EdgeShard
from search_app.index.manifest import Record

COPIES = ("delta", "delta.copy")


@dataclass(frozen=True, slots=True, eq=False)
class Delta:
    """All that differs from a whole generation."""

    rows: Rows
    """Points that are new or other, in id order."""
    removed: frozenset[int]
    """Of its points those that are gone."""

    @property
    def touched(self) -> set[int]:
        """The ids of all of it."""
        return {*self.rows.ids, *self.removed}

    def since(self, earlier: "Delta") -> tuple[list[int], Rows]:
        """What turns `earlier`, a delta over the same generation, into this one: ids to remove, points to store."""
        before = {number: place for place, number in enumerate(earlier.rows.ids)}
        gone = (before.keys() - {*self.rows.ids}) | (self.removed - earlier.removed)
        places = [
            place
            for place, number in enumerate(self.rows.ids)
            if number not in before or not _is_same(self.rows, place, earlier.rows, before[number])
        ]
        return sorted(gone), self.rows.taken(places)


def nothing(dim: int) -> Delta:
    """The delta of a generation over itself."""
    return Delta(Rows([], np.empty((0, dim), np.float32), [], []), frozenset())


def _is_same(one: Rows, place: int, other: Rows, other_place: int) -> bool:
    return (
        one.payloads[place] == other.payloads[other_place]
        and one.words[place] == other.words[other_place]
        and bool((one.vectors[place] == other.vectors[other_place]).all())
    )


def write_delta(generation: Path, delta: Delta, manifest: Manifest) -> Digests:
    """Write both copies into the folder of a generation under way; returns the digests of the files of each."""
    digests: Digests = {}
    for name in COPIES:
        (generation / name).mkdir(mode=0o700)
        digests = write_export(generation / name, [delta.rows], len(delta.rows.ids), manifest)
    return digests


def read_delta(generation: Path, record: Record) -> Delta:
    """Read the copy that is unharmed; raises `IndexDamaged` where none is."""
    for name in COPIES:
        if is_good(generation / name, record.export):
            batches = [nothing(record.manifest.dim).rows, *read_export(generation / name)]
            return Delta(Rows.joined(batches), frozenset(record.removed))
    raise IndexDamaged(
        f"both copies of what was added last in {generation} are damaged: restore {generation.parent} from a backup, "
        f"or run `python -m search_app index {record.manifest.folder} --rebuild`"
    )


def add_delta(shard: EdgeShard, generation: Path, record: Record) -> Delta:
    """Bring a shard that holds the whole generation beneath `generation` forward to it; raises `IndexDamaged`."""
    none = nothing(record.manifest.dim)
    delta = read_delta(generation, record) if record.whole else none
    if record.whole:
        shard.apply(*delta.since(none), record.manifest.count)
    return delta
