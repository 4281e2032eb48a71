"""Keeps `Picture.copy_of` true: groups of copies are made anew when pictures came, changed or went."""

import gc
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from search_app.datatypes import Known, Manifest
from search_app.images.fingerprints import HASHES, parse_hashes
from search_app.index.base import IndexWriter
from search_app.ingest.copies import Looks, colour_bits, group_copies


def refresh_copies(writer: IndexWriter, *, since: int = 0, known: Sequence[Known] | None = None) -> int:
    """Group what `writer` holds and store what is different now, for its next commit; gives how many that are.

    Where nothing but new pictures came, `since` is the smallest id they may have: the groups before it are taken as
    they are. The vectors of pictures are read only where their hashes are near those of others. `known` is what
    `writer` holds, where the caller has it at hand.
    """
    known = all_pictures(writer.scan()) if known is None else known
    settled = {item.id: item.picture.copy_of or item.id for item in known if item.id < since}
    groups = group_copies(looks_of(known), writer.vectors, settled=settled)
    changed = [
        replace(item, picture=replace(item.picture, copy_of=groups.get(item.id, 0)))
        for item in known
        if item.picture.copy_of != groups.get(item.id, 0)
    ]
    writer.update_pictures(changed)
    return len(changed)


def all_pictures(scanned: Iterable[Known]) -> list[Known]:
    """A list of them. Some millions of small objects without a cycle: the collector would only look at them."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        return list(scanned)
    finally:
        if was_enabled:
            gc.enable()


def is_grouped(known: Sequence[Known], before: Manifest) -> bool:
    """Whether the groups of these pictures, all that a writer holds, are whole as its last commit left them."""
    return len(known) == before.count and not lacks_groups(known)


def lacks_groups(known: Sequence[Known]) -> bool:
    """Whether groups are plainly not those of these pictures.

    Some of the same bytes are in none, as in a collection of an older version, or the first of a group is gone.
    """
    files = Counter(item.picture.content_hash for item in known)
    heads = {item.id for item in known} | {0}
    return any(
        item.picture.copy_of not in heads or (item.picture.copy_of == 0 and files[item.picture.content_hash] > 1)
        for item in known
    )


def looks_of(known: Sequence[Known]) -> Looks:
    """What is compared of pictures of the index."""
    pictures = [item.picture for item in known]
    return Looks(
        ids=np.array([item.id for item in known], dtype=np.int64),
        contents=[one.content_hash for one in pictures],
        hashes=np.array([parse_hashes(one.phash) for one in pictures], dtype=np.uint64).reshape(-1, HASHES),
        shapes=np.array([one.width / one.height for one in pictures], dtype=np.float64),
        colours=np.array([colour_bits(one.colours) for one in pictures], dtype=np.uint16).reshape(-1, 2),
    )
