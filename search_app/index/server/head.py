"""Point 0 of a physical collection: the manifest, and whether something changes that no commit has counted."""

from typing import Any

from search_app.index.manifest import Record, record_from_json, record_to_json
from search_app.index.server.engine import ServerEngine

DIRTY = "dirty"
"""Set while the collection holds changes that no commit has counted."""


def read_record(engine: ServerEngine, name: str) -> tuple[Record | None, bool]:
    """The record of a physical collection, None where it has none, and whether it is dirty."""
    head = engine.read_head(name)
    if head is None:
        return None, False
    return record_from_json(head, f"point 0 of collection {name!r}"), bool(head.get(DIRTY))


def head_of(record: Record, *, dirty: bool) -> dict[str, Any]:
    """The payload of point 0."""
    return record_to_json(record) | {DIRTY: dirty}
