"""Whether a shard is what was committed: sealed when it is, and looked at whenever it is opened."""

from pathlib import Path

from search_app.datatypes import VectorQuery
from search_app.errors import IndexDamaged
from search_app.index.edge.process import ShardDamaged
from search_app.index.edge.seal import broken_seal, write_seal
from search_app.index.edge.shard import EdgeShard
from search_app.index.fields import CONTENT_HASH
from search_app.index.manifest import Record

_SAME = 0.99
"""A stored vector must find itself; far above what rounding could take from 1."""


def load_checked(shard: EdgeShard, path: Path, record: Record) -> None:
    """Open a committed shard, compare it with its record and warm it up.

    The engine keeps no checksums and may open cut files with points missing, or die of them: the seal comes first.
    Raises `ShardDamaged`.
    """
    broken = broken_seal(path) if record.sealed else ""
    if broken:
        raise ShardDamaged(f"{path} is damaged: {broken}")
    shard.load(path)
    try:
        problem = _problem(shard, record)
    except IndexDamaged as error:
        problem = str(error)
    if problem:
        shard.give_back()
        raise ShardDamaged(f"{path} is damaged: {problem}")


def _problem(shard: EdgeShard, record: Record) -> str:
    found = shard.count()
    if found != record.manifest.count:
        return f"it holds {found} points where {record.manifest.count} were committed"
    sample = dict(record.sample)
    if {number: payload.get(CONTENT_HASH) for number, payload in shard.payloads([*sample])} != sample:
        return "a sample of its points is not what was committed"
    vectors = shard.vectors([*sample])
    for exact in (True, False):
        answers = shard.search([VectorQuery(vector, 1, exact=exact) for vector in vectors.values()])
        alike = sum(bool(len(found.scores)) and float(found.scores[0]) > _SAME for found in answers)
        if exact and alike != len(sample):
            return "stored vectors do not find themselves"
    return ""


def close_sealed(shard: EdgeShard, path: Path) -> None:
    """Close the shard at `path`, which is open, for good, so that every later change of its files is noticed."""
    shard.give_back()
    shard.load(path)  # the first opening after a change tidies the engine's journals away
    shard.give_back()
    write_seal(path)
