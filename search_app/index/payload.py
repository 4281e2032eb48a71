"""The one place that knows how a `Picture` lies in an engine: as a flat JSON object."""

import base64
from collections.abc import Mapping
from typing import Any

from search_app.datatypes import Known, Picture, PrintedWords, Word
from search_app.errors import IndexDamaged
from search_app.index.fields import CONTENT_HASH, PATH, PATH_BYTES, WORDS, WORDS_BY, WORDS_SOURCE


def to_payload(picture: Picture) -> dict[str, Any]:
    """The JSON object of a picture."""
    payload = {
        CONTENT_HASH: picture.content_hash,
        "size_bytes": picture.size_bytes,
        "mtime_ns": picture.mtime_ns,
        "width": picture.width,
        "height": picture.height,
        "format": picture.format,
    }
    try:
        picture.path.encode()
    except UnicodeEncodeError:
        raw = picture.path.encode("utf-8", "surrogatepass")
        return {PATH_BYTES: base64.b64encode(raw).decode(), **payload}
    return {PATH: picture.path, **payload}


def to_known(number: int, payload: Mapping[str, Any] | None) -> Known:
    """Read a payload back; raises `IndexDamaged` when it is not one of ours."""
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
    return {WORDS: rows, WORDS_BY: read_by, WORDS_SOURCE: words.source}


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
