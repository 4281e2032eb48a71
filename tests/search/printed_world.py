"""Some pictures of no colour in particular with words on them, in every engine alike."""

import itertools
from collections.abc import Sequence
from hashlib import blake2s

import numpy as np

from search_app.datatypes import (
    EncoderSpec,
    FloatMatrix,
    Picture,
    PixelArray,
    PixelBatch,
    Point,
    PrintedWords,
    Word,
    WordsPoint,
    WordsSpec,
)
from search_app.index.base import IndexStore
from search_app.search.service import SearchService
from search_app.words.bm25 import sparse_document

DIM = 12
SPEC = EncoderSpec("hashed", DIM, "hashed-1", (8, 8))
VOCABULARY = ("car", "red", "sale", "beach", "dog", "sugar", "people", "fast")
FOLDERS = ("", "cars", "cars/old", "trips")
COUNT = 60
BOX = (0.1, 0.1, 0.9, 0.2)
COPIES = {7: 3, 8: 3, 21: 20}


class HashedTexts:
    """A text is the sum of random vectors, one a word: texts that share words are near. Both kinds of encoder."""

    spec = SPEC
    fingerprint = "hashed-sentences"
    dim = DIM

    def prepare(self, image: object) -> PixelArray:
        return np.asarray(image.resize((8, 8)))  # type: ignore[attr-defined]

    def encode_images(self, pixels: PixelBatch) -> FloatMatrix:
        flat = pixels.reshape(len(pixels), -1)[:, :: 192 // DIM][:, :DIM].astype(np.float32) - 127.5
        return _unit(flat + 1e-3)

    def encode_texts(self, texts: Sequence[str]) -> FloatMatrix:
        return _unit(np.stack([sum((_word(word) for word in text.split()), np.zeros(DIM)) for text in texts]) + 1e-3)

    encode_sentences = encode_texts

    def close(self) -> None:
        """Nothing is held."""


def _word(word: str) -> np.ndarray:
    seed = int.from_bytes(blake2s(word.lower().encode(), digest_size=4).digest(), "little")
    return np.random.default_rng(seed).normal(size=DIM)


def _unit(rows: np.ndarray) -> FloatMatrix:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def picture(number: int) -> Picture:
    folder = FOLDERS[number % len(FOLDERS)]
    return Picture(
        path=f"{folder}/{number:03d}.jpg".lstrip("/"),
        content_hash=f"{number:032x}",
        size_bytes=1000 + number * 7919 % 500,
        mtime_ns=(1_500_000_000 + number * 86_400 * 40) * 10**9,
        width=600 + 20 * (number % 5),
        height=640,
        format=("JPEG", "PNG")[number % 2],
        phash=f"{number:016x}",
        colours=(("red", "blue", "green")[number % 3],),
        copy_of=COPIES.get(number, number if number in COPIES.values() else 0),
        meta={"topic": VOCABULARY[number % 3], "price": number % 7},
    )


def fill(store: IndexStore) -> None:
    """Put the world into a collection; every fifth picture has no words, and some are copies."""
    encoder, random = HashedTexts(), np.random.default_rng(5)
    vectors = _unit(random.normal(size=(COUNT + 1, DIM)))
    for number, first in COPIES.items():
        vectors[number] = vectors[first]
    texts = {
        number: " ".join(random.choice(VOCABULARY, size=random.integers(1, 6)).tolist())
        for number in range(1, COUNT + 1)
        if number % 5
    }
    meanings = dict(zip(texts, encoder.encode_sentences([*texts.values()]), strict=True))
    with store.writer(SPEC, "/pictures") as writer:
        writer.upsert([Point(number, vectors[number], picture(number)) for number in range(1, COUNT + 1)])
        writer.open_words(WordsSpec(f"{HashedTexts.fingerprint}-reader", DIM))
        writer.update_words([
            WordsPoint(
                number,
                PrintedWords((Word(texts[number], BOX, 1.0),) if number in texts else (), "reader"),
                meanings.get(number),
                sparse_document(texts.get(number, "")),
            )
            for number in itertools.chain(texts, (n for n in range(1, COUNT + 1) if n not in texts))
        ])  # fmt: skip
        writer.commit()


def serve(store: IndexStore) -> SearchService:
    """A service over the world with both kinds of models."""
    return SearchService(HashedTexts(), store.reader(), open_sentences=HashedTexts, max_limit=100)
