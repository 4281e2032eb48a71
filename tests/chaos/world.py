"""A folder of made pictures that changes by chance, and what an index of it must hold: the world that is attacked."""

import os
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from search_app.datatypes import EncoderSpec, FloatMatrix, Known, PrintedWords, VectorQuery, Word
from search_app.encoders.base import Encoder
from search_app.encoders.stub import COLOURS, StubEncoder
from search_app.index.base import IndexReader, IndexStore
from search_app.index.memory.store import MemoryStore
from search_app.ingest.pipeline import IngestOptions, run_ingest
from search_app.ingest.words_pass import WordsParts, run_words
from search_app.moving.move import move
from search_app.words.bm25 import sparse_query
from search_app.words.store import WordStore

MAX_PIXELS = 1_000_000
NO_GRAPH, SMALL_GRAPH = 10_000, 12
"""Collections of how many pictures get a search graph, and indexes of the fields: ten times as many files."""
_FIRST_TIME_NS = 1_700_000_000 * 10**9
_SIDE = 24


class FewAtOnce(StubEncoder):
    """The stub, which stores pictures six at a time: more moments to be killed at."""

    @property
    def spec(self) -> EncoderSpec:
        stub = super().spec
        return EncoderSpec(stub.name, stub.dim, stub.fingerprint, stub.image_size, batch_size=6)


class ColourWords:
    """Reads the name of the colour of a picture's first corner."""

    fingerprint = "corner-1"

    def read(self, image: Image.Image) -> PrintedWords:
        corner = np.array(image.getpixel((0, 0)))
        name = min(COLOURS, key=lambda one: float(np.abs(corner - COLOURS[one]).sum()))
        return PrintedWords((Word(name, None, 1.0),) if name != "black" else (), "corner")

    def close(self) -> None:
        """Nothing is held."""


class ColourSentences:
    """Compares texts by the colours they name."""

    fingerprint, dim = "colours-1", StubEncoder().spec.dim

    def encode_sentences(self, texts: Sequence[str]) -> FloatMatrix:
        return StubEncoder().encode_texts(texts)

    def close(self) -> None:
        """Nothing is held."""


def words_parts(cache: Path) -> WordsParts:
    """What reads words in this world; what was read is shown soon."""
    return WordsParts(ColourWords(), ColourSentences(), WordStore(cache), MAX_PIXELS, 1, commit_seconds=0.5)


def index(folder: Path, encoder: Encoder, store: IndexStore, cache: Path | None) -> None:
    """Both passes of an index run, in this process; `cache` is where read words are kept, None leaves them out."""
    run_ingest(folder, encoder, store, IngestOptions(MAX_PIXELS, workers=1), ignore)
    if cache is not None:
        parts = words_parts(cache)
        try:
            run_words(folder, parts, encoder.spec, store, ignore)
        finally:
            parts.close()


def ignore(*_: int) -> None:
    """Progress nobody looks at."""


@dataclass
class Folder:
    """The pictures; every change is a file operation of a user, drawn from `chance`."""

    path: Path
    chance: random.Random
    clock: int = _FIRST_TIME_NS
    made: int = field(default=0)

    def names(self) -> list[str]:
        return sorted(entry.name for entry in self.path.iterdir())

    def add(self) -> None:
        self.made += 1
        self.paint(f"{self.chance.randrange(1000):03}-{self.made:04}.png")

    def change(self) -> None:
        self.paint(self.chance.choice(self.names()))

    def rename(self) -> None:
        old = self.chance.choice(self.names())
        self.made += 1
        (self.path / old).rename(self.path / f"{self.chance.randrange(1000):03}-{self.made:04}.png")

    def delete(self) -> None:
        (self.path / self.chance.choice(self.names())).unlink()

    def forget_last(self) -> None:
        """Delete the file that was written last."""
        max(self.path.iterdir(), key=lambda entry: entry.stat().st_mtime_ns).unlink()

    def duplicate(self) -> None:
        self.made += 1
        content = (self.path / self.chance.choice(self.names())).read_bytes()
        self.write(f"{self.chance.randrange(1000):03}-{self.made:04}.png", content)

    def paint(self, name: str) -> None:
        """A picture of four quarters in colours of the stub, or near them."""
        palette = [*COLOURS.values()]
        quarters = np.array([self.chance.choice(palette) for _ in range(4)]).reshape(2, 2, 3)
        noise = np.random.default_rng(self.chance.randrange(2**32)).integers(0, 6, (_SIDE, _SIDE, 3))
        pixels = np.clip(np.kron(quarters, np.ones((_SIDE // 2, _SIDE // 2, 1), int)) + noise, 0, 255)
        beside = self.path.parent / "painted.png"
        Image.fromarray(pixels.astype(np.uint8)).save(beside)
        self.write(name, beside.read_bytes())

    def write(self, name: str, content: bytes) -> None:
        """With a time of its own, so that every change is seen and nothing depends on the clock."""
        self.clock += 10**9
        (self.path / name).write_bytes(content)
        os.utime(self.path / name, ns=(self.clock, self.clock))

    def live(self, changes: int) -> None:
        """Some changes; never leaves the folder empty."""
        for _ in range(changes):
            doing = self.chance.choices(
                [self.add, self.change, self.rename, self.delete, self.duplicate], [4, 2, 2, 1, 1]
            )[0]
            (self.add if len(self.names()) < 2 else doing)()


@dataclass
class Twin:
    """The same history in the exact oracle, which nobody kills."""

    encoder: Encoder
    cache: Path | None
    store: MemoryStore = field(default_factory=lambda: MemoryStore("images"))

    def follow(self, folder: Path) -> dict[int, Known]:
        """Index the folder as it is now; what the index has to hold."""
        index(folder, self.encoder, self.store, self.cache)
        return {known.id: known for known in self.store.reader().scan()}

    def become(self, other: IndexReader) -> None:
        """What another index is, ids and all."""
        self.store = MemoryStore("images")
        with other.pinned() as pinned:
            move(pinned, self.store, lambda _step: ignore)


def differences(ours: IndexReader, theirs: IndexReader, encoder: Encoder, *, tolerance: float = 1e-5) -> list[str]:
    """What two indexes do not have in common: pictures, ids, words, vectors, answers; empty where they are alike."""
    found = [*ours.scan()]
    if found != (wanted := [*theirs.scan()]):
        return [f"pictures: {set(map(repr, found)) ^ set(map(repr, wanted))}"]
    ids = [known.id for known in found]
    wrong = []
    if ours.manifest().next_id != theirs.manifest().next_id:
        wrong.append(f"next_id: {ours.manifest().next_id} and {theirs.manifest().next_id}")
    if ours.words(ids) != theirs.words(ids):
        wrong.append("words")
    for channel in ("image", "meaning"):
        mine, others = ours.vectors(ids, channel), theirs.vectors(ids, channel)
        if [*mine] != [*others] or any(abs(mine[n] - others[n]).max() > tolerance for n in mine):
            wrong.append(f"vectors of {channel}")
    asked = questions(encoder, len(ids), words=bool(ours.manifest().words_dim))
    wrong += [one for query in asked if (one := unlike(query, ours, theirs, tolerance))]
    return wrong


def questions(encoder: Encoder, limit: int, *, words: bool) -> list[VectorQuery]:
    """Some of each channel, for everything there is."""
    texts = ["red", "blue", "green and white", "yellow"]
    rows = encoder.encode_texts(texts)
    asked = [VectorQuery(row, limit, exact=exact) for exact in (True, False) for row in rows]
    if words:
        meanings = ColourSentences().encode_sentences(texts[:2])
        asked += [VectorQuery(row, limit, channel="meaning", exact=True) for row in meanings]
        asked += [VectorQuery(sparse_query(text), limit, channel="form", exact=True) for text in texts[:2]]
    return asked


def unlike(query: VectorQuery, ours: IndexReader, theirs: IndexReader, tolerance: float) -> str:
    """How two answers differ: in ids, scores or order; empty where they are alike.

    A graph may miss some, and those of so few pictures, half of them alike, miss many.
    """
    [mine], [right] = ours.search([query]), theirs.search([query])
    scores = dict(zip(right.ids.tolist(), right.scores.tolist(), strict=True))
    found = dict(zip(mine.ids.tolist(), mine.scores.tolist(), strict=True))
    is_complete = found.keys() == scores.keys() if query.exact else found.keys() <= scores.keys()
    if query.channel == "form" and is_complete:
        return ""  # the engine's IDF counts what was superseded too, until it tidies up: the scores are scaled
    is_close = is_complete and all(abs(scores[number] - score) <= tolerance for number, score in found.items())
    if is_close and (np.diff(mine.scores) <= 0).all():
        return ""
    return f"an answer of {query.channel}, exact={query.exact}: {found} where {scores} is right"


def scores_by_path(reader: IndexReader, encoder: Encoder) -> dict[str, list[float]]:
    """What every picture scores in the exact questions, for collections whose ids are not the same."""
    paths = {known.id: known.picture.path for known in reader.scan()}
    scores: dict[str, list[float]] = {path: [] for path in paths.values()}
    for answer in reader.search([one for one in questions(encoder, len(paths), words=False) if one.exact]):
        for number, score in zip(answer.ids.tolist(), answer.scores.tolist(), strict=True):
            scores[paths[number]].append(score)
    return scores
