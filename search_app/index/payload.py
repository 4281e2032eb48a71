"""The one place that knows how a `Picture` lies in an engine: as a flat JSON object."""

import base64
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from search_app.datatypes import Known, MetaValue, Picture, PrintedWords, Word
from search_app.errors import IndexDamaged
from search_app.index.conditions import text_of
from search_app.index.dates import from_file_time, is_whole_date, span_of
from search_app.index.fields import (
    CONTENT_HASH,
    HAS_WORDS,
    META,
    META_DATE,
    META_NUMBER,
    META_TEXT,
    NO,
    PATH,
    PATH_BYTES,
    WORDS,
    WORDS_BY,
    WORDS_SOURCE,
    YES,
)


def to_payload(picture: Picture) -> dict[str, Any]:
    """The JSON object of a picture: what it is, and what is made of that to be asked and counted."""
    payload = {
        CONTENT_HASH: picture.content_hash,
        "size_bytes": picture.size_bytes,
        "mtime_ns": picture.mtime_ns,
        "width": picture.width,
        "height": picture.height,
        "format": picture.format,
        "phash": picture.phash,
        "colours": [*picture.colours],
        "taken": picture.taken,
        "copy_of": picture.copy_of,
        **({"version": picture.version} if picture.version else {}),
        **_derived(picture),
        **_meta_to_payload(picture.meta),
    }
    if is_unicode(picture.path):
        return {PATH: picture.path, **payload}
    raw = picture.path.encode("utf-8", "surrogatepass")
    return {PATH_BYTES: base64.b64encode(raw).decode(), **payload}


def is_unicode(text: str) -> bool:
    """Whether an engine can store a text: Python carries bytes of a file name that are no UTF-8 as lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def date_of(picture: Picture) -> str | None:
    """When a picture was taken or, where it does not say, its file was written, as engines store it."""
    if picture.taken:
        return span_of(picture.taken)[0]
    is_known = picture.mtime_ns or not picture.version
    return from_file_time(picture.mtime_ns) if is_known else None


def _derived(picture: Picture) -> dict[str, Any]:
    folders = [str(folder) for folder in PurePosixPath(picture.path).parents][:-1]
    if picture.width == picture.height:
        orientation = "square"
    else:
        orientation = "landscape" if picture.width > picture.height else "portrait"
    date = date_of(picture)
    return {
        "folders": [folder for folder in reversed(folders) if is_unicode(folder)] or [""],
        "orientation": orientation,
        "pixels": picture.width * picture.height,
        **({"date": date} if date else {}),
    }


def _meta_to_payload(meta: Mapping[str, MetaValue]) -> dict[str, Any]:
    """What a metadata file said, and for asking: all of it as text, its numbers, and its dates."""
    if not meta:
        return {}
    parts = {
        META: {name: [*value] if isinstance(value, tuple) else value for name, value in meta.items()},
        META_TEXT: {
            name: [*dict.fromkeys(value)] if isinstance(value, tuple) else [text_of(value)]
            for name, value in meta.items()
        },
        META_NUMBER: {
            name: value
            for name, value in meta.items()
            if isinstance(value, int | float) and not isinstance(value, bool)
        },
        META_DATE: {
            name: span_of(value)[0] for name, value in meta.items() if isinstance(value, str) and is_whole_date(value)
        },
    }
    return {part: values for part, values in parts.items() if values}


def to_known(number: int, payload: Mapping[str, Any] | None) -> Known:
    """Read a payload back; raises `IndexDamaged` when it is not one of ours.

    Fields that came after the first version have their defaults where they are missing.
    """
    try:
        stored = dict(payload or {})
        path = stored.get(PATH)
        if path is None:
            path = base64.b64decode(stored[PATH_BYTES]).decode("utf-8", "surrogatepass")
        picture = Picture(
            path=str(path),
            content_hash=str(stored[CONTENT_HASH]),
            size_bytes=int(stored["size_bytes"]),
            mtime_ns=int(stored["mtime_ns"]),
            width=int(stored["width"]),
            height=int(stored["height"]),
            format=str(stored["format"]),
            phash=str(stored.get("phash", "")),
            colours=tuple(map(str, stored.get("colours", ()))),
            taken=str(stored.get("taken", "")),
            copy_of=int(stored.get("copy_of", 0)),
            meta={
                str(name): tuple(map(str, value)) if isinstance(value, list) else value
                for name, value in dict(stored.get(META, {})).items()
            },
            version=str(stored.get("version", "")),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise IndexDamaged(
            f"the payload of point {number} is incomplete ({type(error).__name__}: {error}): "
            f"run `python -m search_app index FOLDER --rebuild`"
        ) from None
    return Known(number, picture, str(stored.get(WORDS_BY, "")))


def words_to_payload(words: PrintedWords, read_by: str) -> dict[str, Any]:
    """The part of a payload that holds the words."""
    rows = [[word.text, word.confidence, *(word.box or ())] for word in words.words]
    return {WORDS: rows, WORDS_BY: read_by, WORDS_SOURCE: words.source, HAS_WORDS: YES if rows else NO}


def read_words(payloads: Mapping[int, Mapping[str, Any]]) -> dict[int, PrintedWords]:
    """Read the words of payloads, by id, back: of each whose words were read."""
    words = {number: _to_words(payload) for number, payload in payloads.items()}
    return {number: one for number, one in words.items() if one is not None}


def _to_words(payload: Mapping[str, Any]) -> PrintedWords | None:
    if not payload.get(WORDS_BY):
        return None
    rows = [(str(text), float(confidence), tuple(map(float, box))) for text, confidence, *box in payload[WORDS]]
    words = (Word(text, box if len(box) == 4 else None, confidence) for text, confidence, box in rows)
    return PrintedWords(tuple(words), str(payload[WORDS_SOURCE]))
