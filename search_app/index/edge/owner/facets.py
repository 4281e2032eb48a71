"""Counting by the values of a field, and the indexes of fields; runs in the process that owns the shard.

An index makes filters and counting fast, but to make one takes the engine a fifth of a second however few points there
are: small collections do without.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import qdrant_edge as qe

from search_app.index.clauses import values_at
from search_app.index.edge.wire import FacetValue, Payloads
from search_app.index.fields import INDEXES, META_KINDS, meta_indexes

_PAGE = 1000
_KINDS = {
    "keyword": qe.PayloadSchemaType.Keyword,
    "integer": qe.PayloadSchemaType.Integer,
    "float": qe.PayloadSchemaType.Float,
    "datetime": qe.PayloadSchemaType.Datetime,
}


def index_fields(shard: Any, meta: Mapping[str, str]) -> None:
    """Make the indexes that are missing; `meta` are the metadata fields written since the last time, and their kinds.

    With the first indexes come those of all metadata fields there are.
    """
    there = shard.info().payload_schema
    wanted = {**INDEXES, **meta}
    if not INDEXES.keys() <= there.keys():
        for page in _pages(shard, [*META_KINDS], None):
            for _, payload in page:
                wanted |= meta_indexes(payload)
    for key, kind in sorted(wanted.items()):
        if key not in there:
            shard.update(qe.UpdateOperation.create_field_index(key, _KINDS[kind]))


def count_values(shard: Any, key: str, chosen: Any, limit: int) -> list[tuple[FacetValue, int]]:
    """How many of the points that the filter `chosen` lets pass have each value; most first, then by value."""
    if key in shard.info().payload_schema:
        request = qe.FacetRequest(key, limit=limit, exact=True, filter=chosen)
        return [(hit.value, hit.count) for hit in shard.facet(request).hits if hit.count]  # values linger
    counts: Counter[FacetValue] = Counter()
    for page in _pages(shard, [key], chosen):
        for _, payload in page:
            counts.update(values_at(payload, key))
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:limit]


def _pages(shard: Any, wanted: list[str], chosen: Any) -> Iterator[Payloads]:
    """Some fields of all points that a filter lets pass."""
    offset: int | None = 1
    while offset is not None:
        request = qe.ScrollRequest(offset=offset, limit=_PAGE, filter=chosen, with_payload=wanted, with_vector=False)
        records, offset = shard.scroll(request)
        yield [(record.id, record.payload) for record in records]
