"""One form of a point that is the same on every engine: what is compared and what the checksum is made of.

    id        8 bytes
    vector    float32, as it is stored
    facts     what is known about the picture and the words read in it, as JSON with sorted keys
    meaning   float32; nothing where there is none
    form      indices as uint32, sorted, then values as float32: engines store them in an order of their own

Numbers are little-endian, and each part but the first has its length before it. What engines make of the rest to be
asked and counted is left out: it differs between versions of this program and is made anew.

Vectors are equal bit by bit on every engine that was tried, with one exception. Qdrant and Qdrant Edge normalise what
they are given unless its length is 1 within 1e-6, which stored vectors are: they come through unchanged. int8 copies
and graphs stand beside the vectors and change nothing. An engine that normalises always (the in-memory mode of
qdrant-client) moves the last bit of some numbers: `ROUNDING` allows for that, and it is counted.

The same holds for numbers of the payload that take more than 15 digits: Qdrant Edge gives one in ten of them back with
another last bit, once; what it gave it keeps, but for numbers far from 1. `LAST_BITS` allows for that.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np

from search_app.datatypes import FloatVector, MetaValue, Picture, PrintedWords, WholePoint, WordsPoint


@dataclass(frozen=True, slots=True)
class Tolerance:
    """What may differ in a copy that counts as equal."""

    numbers: float
    """Of each number of a unit vector."""
    scores: float
    """Of cosines: engines add up the products in orders of their own."""


ROUNDING = Tolerance(2.0**-22, 1e-5)
"""A vector that is normalised once more: a few units of the last bit."""
HALVES = Tolerance(2.0**-11, 2e-3)
"""A target that keeps vectors as float16 and normalises what comes of that."""
LAST_BITS = 1e-14
"""Most that a number of the payload may move, as a share of it."""
_PICTURE = tuple(one.name for one in fields(Picture))


class Checksum:
    """Of points one after the other, in id order."""

    def __init__(self) -> None:
        self._hash = hashlib.blake2b(digest_size=16)

    def add(self, canonical: bytes) -> None:
        """Take one point more, in its canonical form."""
        self._hash.update(canonical)

    def digits(self) -> str:
        """32 hexadecimal digits."""
        return self._hash.hexdigest()


def canonical(point: WholePoint) -> bytes:
    """The form that is compared; see above."""
    parts = (_numbers(point.vector), _facts(point), *_word_vectors(point.words))
    return point.id.to_bytes(8, "little") + b"".join(len(part).to_bytes(8, "little") + part for part in parts)


def difference(first: WholePoint, second: WholePoint, allowed: Tolerance = ROUNDING) -> str:
    """What differs between two points of one id, for people; empty for what is equal but for rounding."""
    if not _alike(first.vector, second.vector, allowed):
        return f"the vector, by up to {_distance(first.vector, second.vector):.3g}"
    for name in _PICTURE:
        if not _same(getattr(first.picture, name), getattr(second.picture, name)):
            return f"{name}: {getattr(first.picture, name)!r} and {getattr(second.picture, name)!r}"
    if not _same(_printed(first.words), _printed(second.words)):
        return "the printed words"
    (meaning, *form), (other_meaning, *other_form) = _word_vectors(first.words), _word_vectors(second.words)
    if not _alike(np.frombuffer(meaning, "<f4"), np.frombuffer(other_meaning, "<f4"), allowed):
        return "the vector of the words by what they mean"
    return "" if form == other_form else "the vector of the words by how they are written"


def _same(first: object, second: object) -> bool:
    """Whether values of a payload are equal, of the same kinds: 1, 1.0 and true are not the same."""
    if isinstance(first, Mapping) and isinstance(second, Mapping):
        return first.keys() == second.keys() and all(_same(first[name], second[name]) for name in first)
    if type(first) is not type(second):
        return False
    if isinstance(first, list | tuple) and isinstance(second, list | tuple):
        return len(first) == len(second) and all(map(_same, first, second))
    if isinstance(first, float) and isinstance(second, float):
        return math.isclose(first, second, rel_tol=LAST_BITS)
    return first == second


def _alike(first: FloatVector, second: FloatVector, allowed: Tolerance) -> bool:
    return first.shape == second.shape and _distance(first, second) <= allowed.numbers


def _distance(first: FloatVector, second: FloatVector) -> float:
    if first.shape != second.shape:
        return float("inf")
    return float(np.abs(first.astype(np.float64) - second).max(initial=0.0))


def _numbers(vector: FloatVector) -> bytes:
    return np.ascontiguousarray(vector, "<f4").tobytes()


def _word_vectors(words: WordsPoint | None) -> tuple[bytes, bytes, bytes]:
    if words is None:
        return b"", b"", b""
    order = np.argsort(words.form.indices)
    indices = np.ascontiguousarray(words.form.indices[order], "<u4").tobytes()
    return b"" if words.meaning is None else _numbers(words.meaning), indices, _numbers(words.form.values[order])


def _facts(point: WholePoint) -> bytes:
    picture = {name: getattr(point.picture, name) for name in _PICTURE}
    return _dumped({"picture": picture, "words": _printed(point.words)}).encode()


def _printed(words: WordsPoint | None) -> list[object] | None:
    return None if words is None else rows_of(words.words)


def rows_of(words: PrintedWords) -> list[object]:
    """The source and then a row for each word: text, confidence and, where it is known, its box."""
    return [words.source, *([word.text, word.confidence, *(word.box or ())] for word in words.words)]


def _dumped(value: object) -> str:
    """JSON keeps apart what Python takes for equal: 1, 1.0 and true. Lone surrogates of file names are escaped."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=dict)


def meta_from_json(text: str) -> dict[str, MetaValue]:
    """Read the metadata of one picture back; raises `ValueError` for what is no JSON object."""
    found = json.loads(text)
    if not isinstance(found, dict):
        raise TypeError(f"{text[:40]!r} is no JSON object")
    return {name: tuple(value) if isinstance(value, list) else value for name, value in found.items()}
