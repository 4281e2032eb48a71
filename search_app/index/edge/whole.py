"""Whole points between what other rooms hold and what travels to the process that owns the shard."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from search_app.datatypes import FloatMatrix, PrintedWords, SparseVector, WholePoint, WordsPoint
from search_app.index.edge.export import Rows
from search_app.index.edge.vectors import word_vectors
from search_app.index.edge.wire import WordVectors
from search_app.index.payload import read_words, to_known, to_payload, words_to_payload


def to_rows(points: Sequence[WholePoint], vectors: FloatMatrix, read_by: str) -> Rows:
    """Validated points, whose vectors are the rows of `vectors` and whose words were read by `read_by`."""
    payloads = [
        to_payload(point.picture) | (words_to_payload(point.words.words, read_by) if point.words else {})
        for point in points
    ]
    words = [word_vectors(point.words) if point.words else None for point in points]
    return Rows([int(point.id) for point in points], vectors, words, payloads)


def from_rows(rows: Rows) -> Iterator[WholePoint]:
    """The points, in the order of the rows; raises `IndexDamaged` for a payload that is not one of ours."""
    read = read_words(dict(zip(rows.ids, rows.payloads, strict=True)))
    for number, vector, vectors, payload in zip(rows.ids, rows.vectors, rows.words, rows.payloads, strict=True):
        words = _words(number, read[number], vectors) if number in read else None
        yield WholePoint(number, vector, to_known(number, payload).picture, words)


def _words(number: int, words: PrintedWords, vectors: WordVectors | None) -> WordsPoint:
    meaning, (indices, values) = vectors or (b"", (b"", b""))
    form = SparseVector(np.frombuffer(indices, np.uint32), np.frombuffer(values, np.float32))
    return WordsPoint(number, words, np.frombuffer(meaning, np.float32) if meaning else None, form)


def paged(page: Callable[[int], Rows], after: int) -> Iterator[WholePoint]:
    """Every point above id `after`; the owner reads the next page while the last one is taken."""
    with ThreadPoolExecutor(1, thread_name_prefix="rows") as reading:
        rows = page(after)
        while rows.ids:
            ahead = reading.submit(page, rows.ids[-1])
            yield from from_rows(rows)
            rows = ahead.result()
