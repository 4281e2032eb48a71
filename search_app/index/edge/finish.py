"""The end of a commit: indexes, graphs and export of a work folder, all on the disk, its shard sealed."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from pathlib import Path

from search_app.datatypes import Manifest
from search_app.index.edge.export import Digests, is_good
from search_app.index.edge.generations import MANIFEST, SHARD, Ground
from search_app.index.edge.integrity import close_sealed
from search_app.index.edge.shard import EdgeShard
from search_app.index.manifest import Record, write_record


@dataclass(frozen=True, slots=True)
class Finish:
    """Completes what lies in `part`, a copy of the whole generation `ground` where there was one."""

    shard: EdgeShard
    part: Path
    ground: Ground | None
    index_from: int
    """Fields are indexed where there are so many points or more."""

    def run(self, draft: Record, few: AbstractSet[int] | None) -> Record:
        """Write and return the record; graphs and the export are left to a final commit.

        `few` are the points that differ from the ground, where they are known and not many.
        """
        self.shard.index_fields(self.index_from)
        if draft.final:
            self.shard.optimize()
        self.shard.flush()
        manifest = replace(draft.manifest, count=self.shard.count())
        sample = self.shard.sample()
        export = self._export(manifest, few) if draft.final else {}
        close_sealed(self.shard, self.part / SHARD)
        record = replace(draft, manifest=manifest, sample=sample, export=export, sealed=True)
        write_record(self.part / MANIFEST, record)
        return record

    def _export(self, manifest: Manifest, few: AbstractSet[int] | None) -> Digests:
        """Write the export, from that of the ground where little has changed."""
        ground = self.ground
        if ground is not None and few is not None and is_good(ground.path, ground.record.export):
            return self.shard.export_changes(self.part, manifest, ground.path, few)
        return self.shard.export(self.part, manifest)
