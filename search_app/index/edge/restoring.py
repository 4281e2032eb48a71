"""How a shard is made of a committed generation: as a copy that is checked, or anew from its export."""

import logging
from pathlib import Path

from search_app.errors import IndexDamaged
from search_app.index.edge.export import is_good, read_export
from search_app.index.edge.generations import SHARD, CollectionFolder
from search_app.index.edge.process import ShardDamaged
from search_app.index.edge.seal import remove_seal
from search_app.index.edge.shard import INDEX_FROM, EdgeShard
from search_app.index.manifest import Record

logger = logging.getLogger(__name__)


def copy_or_restore(shard: EdgeShard, place: CollectionFolder, base: Path, record: Record, graph_from: int) -> bool:
    """Open in the work folder what the generation in `base` holds, to be changed; whether it is a copy of its shard.

    Damage is never copied: the next export would tell it as the truth. Raises `IndexDamaged` as `restore` does.
    """
    part = place.part()
    is_copy = True
    for _ in range(2):  # a copy can meet a reader that opens or repairs the original at this moment
        try:
            place.begin_part(base)
            shard.load_checked(part / SHARD, record)
            break
        except (ShardDamaged, FileNotFoundError) as error:
            logger.warning("the copy of %s is not good: %s", base, error)
    else:
        is_copy = False
        place.begin_part(None)
        restore(shard, base, record, part / SHARD, graph_from)
        shard.load_checked(part / SHARD, record)
    remove_seal(part / SHARD)
    return is_copy


def restore(shard: EdgeShard, generation: Path, record: Record, target: Path, graph_from: int) -> None:
    """Make a shard at `target` from the export in `generation`, durably, and leave it closed and sealed.

    Raises `IndexDamaged` where there is no unharmed export.
    """
    if not is_good(generation, record.export):
        raise IndexDamaged(
            f"{generation} is damaged and there is no unharmed export beside it to rebuild it from: "
            f"run `python -m search_app index {record.manifest.folder} --rebuild`"
        )
    shard.create(target, record.manifest.dim, graph_from)
    if record.manifest.words_dim:
        shard.open_words(record.manifest.words_dim)
    for rows in read_export(generation):
        shard.upsert(rows)
    shard.index_fields(min(graph_from, INDEX_FROM))
    shard.flush()
    shard.seal(target)
