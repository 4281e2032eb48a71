"""A collection of made-up pictures, for what is measured of queries: as large as wanted, without pictures or tower.

Vectors lie around the vectors of sentences, as far from them as pictures of a subject lie from its name, so that a
query has near and far neighbours. Every other picture prints a few words of a vocabulary in which, as in print, the
n-th word is 1 / n as frequent as the first. For speed that is fair; about relevance it says nothing.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from search_app.datatypes import (
    COLOURS,
    EncoderSpec,
    FloatMatrix,
    Picture,
    Point,
    PrintedWords,
    Word,
    WordsPoint,
    WordsSpec,
)
from search_app.encoders.base import Encoder, SentenceEncoder
from search_app.index.edge.store import EdgeStore
from search_app.words.bm25 import sparse_document

COLLECTION = "images"
_BATCH = 2_048
_SUBJECTS = 1_000
_OTHERS = 6
_SPREAD, _ANYWHERE = 1.2, 0.3
"""Lengths of what is added to a subject's vector of length 1: towards other subjects, and in any direction."""
_THINGS = (
    *("car", "dog", "bottle", "beach", "street", "glass", "shoe", "cake", "tree", "house", "watch", "phone", "boat"),
    *("cat", "chair", "flower", "bridge", "camera", "guitar", "bicycle", "mountain", "coffee", "train", "lamp", "hat"),
)
_LOOKS = (
    *("red", "old", "small", "shiny", "broken", "wooden", "blue", "wet", "empty", "fast", "golden", "striped", "dark"),
    *("bright", "dusty", "green", "round", "tall", "quiet", "modern", "white", "heavy", "soft", "sunny", "new"),
)
_PLACES = (
    *("on a table", "in the rain", "at night", "near the sea", "in a garden", "on a road", "under a bridge", "indoors"),
    *("in the snow", "with two people", "in a shop", "on a white background", "behind a window", "in the city"),
)

FEW = 500
"""Pictures of a quick run; the same in all benchmarks, so that they can share them."""
DIFFERENT = len(_LOOKS) * len(_THINGS) * len(_PLACES)


def sentence(number: int) -> str:
    """The `number`-th of `DIFFERENT` short sentences of 4 to 6 words, such as people ask for; then they come again."""
    spread = number * 7_919 % DIFFERENT  # a prime that divides no length: neighbours differ in every part
    look, rest = spread % len(_LOOKS), spread // len(_LOOKS)
    return f"a {_LOOKS[look]} {_THINGS[rest % len(_THINGS)]} {_PLACES[rest // len(_THINGS)]}"


def make(home: Path, encoder: Encoder, count: int, sentences: SentenceEncoder | None = None) -> None:
    """Index `count` pictures into `home`/qdrant_storage, with print where there are `sentences` to read it.

    A folder that holds them already is left as it is.
    """
    home.mkdir(parents=True, exist_ok=True)
    spec, store = encoder.spec, EdgeStore(home / "qdrant_storage", COLLECTION)
    if _is_made(store, spec, count):
        return
    subjects = encoder.encode_texts([sentence(number) for number in range(min(_SUBJECTS, count // 50))])
    random = np.random.default_rng(0)
    with store.writer(spec, str(home), rebuild=(store.index_dir / COLLECTION).exists()) as writer:
        for ids in _batches(count):
            rows = zip(ids, _around(subjects, len(ids), random), strict=True)
            writer.upsert([Point(number, row, picture(number)) for number, row in rows])
        if sentences is not None:
            writer.open_words(WordsSpec(f"{sentences.fingerprint}-made-up", sentences.dim))
            meant = sentences.encode_sentences([sentence(number) for number in range(200)])
            for ids in _batches(count):
                rows = zip(ids, _around(meant, len(ids), random), strict=True)
                writer.update_words([printed(number, row, random) for number, row in rows])
        writer.commit()


def picture(number: int) -> Picture:
    """What the index keeps about one of them."""
    return Picture(
        path=f"{number % 100:02d}/{number:06d}.jpg",
        content_hash=f"{number:032x}",
        size_bytes=40_000 + number % 9_973,
        mtime_ns=10**18 + number,
        width=640,
        height=480,
        format="JPEG",
        phash=f"{number:064x}",
        colours=(COLOURS[number % len(COLOURS)],),
    )


def printed(number: int, row: NDArray[np.float32], random: np.random.Generator) -> WordsPoint:
    """Three lines of print on every other one, nothing on the others."""
    if number % 2:
        return WordsPoint(number, PrintedWords((), "made-up"), None, sparse_document(""))
    box = (0.1, 0.1, 0.9, 0.2)
    lines = [" ".join(_word(rank) for rank in random.zipf(1.3, 4).tolist()) for _ in range(3)]
    words = tuple(Word(line, box, 1.0) for line in lines)
    return WordsPoint(number, PrintedWords(words, "made-up"), row, sparse_document("\n".join(lines)))


def _word(rank: int) -> str:
    known = (*_THINGS, *_LOOKS)
    return known[rank - 1] if rank <= len(known) else f"word{rank % 20_000}"


def _batches(count: int) -> Iterator[range]:
    for first in range(1, count + 1, _BATCH):
        yield range(first, min(first + _BATCH, count + 1))


def _around(subjects: FloatMatrix, count: int, random: np.random.Generator) -> FloatMatrix:
    """Rows about subjects: away from each in the direction of a few others, and a little in any direction.

    Real pictures fill few dimensions (about 12 by the neighbours of each, `python -m benchmarks synthetic`); noise in
    all of them alike would make graphs look far worse than they are.
    """
    dim = subjects.shape[1]
    weights = random.normal(size=(count, _OTHERS, 1)) / _OTHERS**0.5
    others = subjects[random.integers(len(subjects), size=(count, _OTHERS))] - subjects.mean(axis=0)
    anywhere = random.normal(size=(count, dim)) * _ANYWHERE / dim**0.5
    rows = subjects[random.integers(len(subjects), size=count)] + _SPREAD * (weights * others).sum(axis=1) + anywhere
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def _is_made(store: EdgeStore, spec: EncoderSpec, count: int) -> bool:
    if not (store.index_dir / COLLECTION).exists():
        return False
    reader = store.reader()
    try:
        manifest = reader.manifest()
    finally:
        reader.close()
    return (manifest.count, manifest.fingerprint, manifest.dim) == (count, spec.fingerprint, spec.dim)
