"""Pictures with words, put into an index whole."""

from dataclasses import dataclass

import numpy as np

from search_app.datatypes import Picture, Point, PrintedWords, SparseVector, Word, WordsPoint, WordsSpec
from search_app.index.memory.reader import MemoryReader
from search_app.index.memory.store import MemoryStore
from search_app.index.server.reader import ServerReader
from search_app.index.server.store import ServerStore
from tests.index.points import FOLDER, SPEC, unit

WORDS_SPEC = WordsSpec("words", 4)
READ = PrintedWords((Word("SALE", None, 1.0),), "reader")
NOTHING_READ = PrintedWords((), "reader")


def words_point(number: int, words: PrintedWords) -> WordsPoint:
    form = SparseVector(np.array([7], np.uint32)[: len(words.words)], np.ones(1, np.float32)[: len(words.words)])
    return WordsPoint(number, words, unit(number, 4) if words.words else None, form)


@dataclass(frozen=True)
class World:
    """Some pictures by id; the words of some were read."""

    pictures: dict[int, Picture]
    words: dict[int, PrintedWords]


def into(store: MemoryStore | ServerStore, world: World) -> MemoryReader | ServerReader:
    with store.writer(SPEC, FOLDER) as writer:
        writer.upsert([Point(number, unit(number), one) for number, one in world.pictures.items()])
        writer.open_words(WORDS_SPEC)
        words = {number: one for number, one in world.words.items() if number in world.pictures}
        writer.update_words([words_point(number, one) for number, one in words.items()])
        writer.commit()
    return store.reader()
