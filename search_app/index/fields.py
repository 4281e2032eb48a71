"""Names in an engine: fields of the payload and channels. Light, as the owner of a shard must start fast."""

from collections.abc import Mapping
from typing import Any

PATH = "path"
PATH_BYTES = "path_base64"
"""Stands in for `path` where a file name is not valid Unicode, which no engine stores."""
CONTENT_HASH = "content_hash"
WORDS = "words"
"""Left out wherever words are not asked for: it may be a page of text."""
WORDS_BY = "words_by"
WORDS_SOURCE = "words_source"
HAS_WORDS = "has_words"
"""YES or NO, whether any word was read: what is asked, so that the words need not be looked at.

No truth value: Qdrant Edge 0.9.0 finds none."""
YES, NO = "yes", "no"
WORDS_FIELDS = (WORDS, WORDS_BY, WORDS_SOURCE, HAS_WORDS)

IMAGE = "image"
MEANING = "meaning"
FORM = "form"

META = "meta"
"""What a metadata file said, as it said it. Asked and counted are the three that are made of it:"""
META_TEXT = "meta_text"
"""Each value as text, by the name of its field: lists of strings."""
META_NUMBER = "meta_number"
META_DATE = "meta_date"
META_PREFIX = "meta."
"""Before the name of a metadata field in a condition."""
META_KINDS = {META_TEXT: "keyword", META_NUMBER: "float", META_DATE: "datetime"}
"""How the values below each of them are indexed."""
DERIVED = ("folders", "orientation", "pixels", "date", *META_KINDS)
"""Made of the rest to be asked and counted, and never read back."""

FIELDS = {
    "folder": ("folders", "keyword"),
    "path": (PATH, "keyword"),
    "format": ("format", "keyword"),
    "orientation": ("orientation", "keyword"),
    "colour": ("colours", "keyword"),
    "width": ("width", "integer"),
    "height": ("height", "integer"),
    "pixels": ("pixels", "integer"),
    "bytes": ("size_bytes", "integer"),
    "date": ("date", "datetime"),
    "words": (HAS_WORDS, "keyword"),
    "copy_of": ("copy_of", "integer"),
}
"""What users can ask for, beside `meta.NAME`: its name in the payload, and how it is indexed there."""
COUNTED = ("folder", "format", "orientation", "colour", "words", "copy_of")
"""Fields of few values, which pictures are counted by; `meta.NAME` is counted too."""
INDEXES = {key: kind for key, kind in FIELDS.values() if key != PATH}
"""Fields of the payload that are indexed for it, beside `META_KINDS`. A path is asked for too seldom."""


def meta_indexes(payload: Mapping[str, Any]) -> dict[str, str]:
    """The metadata fields that one payload has, and how they are indexed."""
    return {f"{part}.{name}": kind for part, kind in META_KINDS.items() for name in payload.get(part, ())}


def with_has_words(payload: dict[str, Any]) -> dict[str, Any]:
    """The part of a payload that holds words, as it is written now: older versions did not say if there are any."""
    if not payload.get(WORDS_BY) or WORDS not in payload:
        return payload
    return payload | {HAS_WORDS: YES if payload[WORDS] else NO}
