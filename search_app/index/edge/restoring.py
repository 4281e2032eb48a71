"""How a shard is made of a committed generation: as a copy that is checked, or anew from its export."""

import logging
from pathlib import Path

from search_app.errors import IndexDamaged
from search_app.index.edge.export import is_good, read_export
from search_app.index.edge.generations import SHARD, CollectionFolder, Ground
from search_app.index.edge.integrity import close_sealed, load_checked
from search_app.index.edge.process import ShardDamaged
from search_app.index.edge.seal import remove_seal
from search_app.index.edge.shard import INDEX_FROM, EdgeShard
from search_app.index.graph import Shape
from search_app.index.kept import shape_kept
from search_app.index.manifest import Record

logger = logging.getLogger(__name__)


def copy_or_restore(shard: EdgeShard, place: CollectionFolder, ground: Ground, shape: Shape) -> bool:
    """Open in the work folder what a whole generation holds, to be changed; whether it is a copy of its shard.

    Damage is never copied: the next export would tell it as the truth. Raises `IndexDamaged` as `restore` does.
    """
    part, base, record = place.part(), ground.path, ground.record
    is_copy = True
    for _ in range(2):  # a copy can meet a reader that opens or repairs the original at this moment
        try:
            place.begin_part(base)
            load_checked(shard, part / SHARD, record)
            break
        except (ShardDamaged, FileNotFoundError) as error:
            logger.warning("the copy of %s is not good: %s", base, error)
    else:
        is_copy = False
        place.begin_part(None)
        restore(shard, base, record, part / SHARD, shape)
        load_checked(shard, part / SHARD, record)
    remove_seal(part / SHARD)
    return is_copy


def restore(shard: EdgeShard, generation: Path, record: Record, target: Path, shape: Shape) -> None:
    """Make a shard at `target` from the export in `generation`, durably, and leave it closed and sealed.

    Raises `IndexDamaged` where there is no unharmed export.
    """
    if not is_good(generation, record.export):
        raise IndexDamaged(
            f"{generation} is damaged and there is no unharmed export beside it to rebuild it from: "
            f"run `python -m search_app index {record.manifest.folder} --rebuild`"
        )
    shard.create(target, record.manifest.dim, shape_kept(record.manifest.made_with, shape))
    if record.manifest.words_dim:
        shard.open_words(record.manifest.words_dim)
    for rows in read_export(generation):
        shard.upsert(rows)
    shard.index_fields(min(shape.graph_from, INDEX_FROM))
    shard.flush()
    close_sealed(shard, target)
