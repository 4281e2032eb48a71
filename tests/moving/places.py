"""Collections to move: made-up ones of every kind of payload, on every engine."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from hypothesis import strategies as st

from search_app.datatypes import (
    COLOURS,
    Manifest,
    Picture,
    PrintedWords,
    SparseVector,
    WholePoint,
    Word,
    WordsPoint,
    WordsSpec,
)
from search_app.index.base import IndexStore
from search_app.index.edge.store import EdgeStore
from search_app.index.memory.store import MemoryStore
from search_app.index.server.store import ServerStore
from search_app.moving.canonical import canonical
from search_app.moving.copying import Progress
from tests.index.conftest import SharedClient
from tests.index.points import FOLDER, SPEC, picture, unit

WORDS = WordsSpec("words", 4)
PLACES = ("memory", "edge", "server")


def make_place(kind: str, home: Path, name: str) -> IndexStore:
    """An empty collection called `name`."""
    match kind:
        case "memory":
            return MemoryStore(name)
        case "edge":
            return EdgeStore(home / "storage", name)
        case _:
            client = SharedClient(":memory:")
            return ServerStore("memory", name, make_client=lambda _: client)


def point(number: int) -> WholePoint:
    """A point that belongs to `number`: every third has no words, every other third was looked at in vain."""
    rng = np.random.default_rng(number)
    words = None
    if number % 3 == 1:
        form = SparseVector(rng.permutation(9000)[:5].astype(np.uint32), rng.random(5, np.float32))
        printed = PrintedWords((Word(f"Wört {number}", None, 1.0), Word("x", (0.1, 0.2, 0.3, 0.4), 0.93)), "reader")
        words = WordsPoint(number, printed, unit(number, WORDS.dim), form)
    elif number % 3 == 2:
        nothing = SparseVector(np.empty(0, np.uint32), np.empty(0, np.float32))
        words = WordsPoint(number, PrintedWords((), "sidecar"), None, nothing)
    meta = {"n": number, "x": number / 8, "yes": number % 2 == 0, "tags": ("a", f"b{number}"), "day": "2024-05-01"}
    return WholePoint(number, unit(number), replace(picture(number), meta=meta if number % 5 else {}), words)


def fill(store: IndexStore, points: Sequence[WholePoint], next_id: int = 0) -> Manifest:
    """Commit them."""
    with store.writer(SPEC, FOLDER) as writer:
        writer.open_words(WORDS)
        writer.write(points)
        writer.reserve(next_id)
        return writer.commit()


def held(store: IndexStore) -> tuple[Manifest, list[WholePoint]]:
    """What readers see."""
    reader = store.reader()
    try:
        with reader.pinned() as pinned:
            return pinned.manifest, list(pinned.points())
    finally:
        reader.close()


def forms(points: Sequence[WholePoint]) -> list[bytes]:
    """In the form that is compared."""
    return list(map(canonical, points))


def quiet(_step: str) -> Progress:
    """Progress that nobody looks at."""
    return lambda _done, _total: None


_TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
_NUMBERS = st.one_of(st.integers(-(2**53), 2**53), st.floats(allow_nan=False, allow_infinity=False), st.booleans())
_VALUES = st.one_of(_TEXT, _NUMBERS, st.lists(_TEXT, max_size=3).map(tuple))
_SHARES = st.floats(0, 1)


@st.composite
def pictures(draw: Callable[..., object], path: st.SearchStrategy[str] | None = None) -> Picture:
    """Any picture that an index can hold."""
    names = st.text("abcé _-ß漢", min_size=1, max_size=8).filter(lambda name: name.strip() == name)
    anything = path or st.lists(names, min_size=1, max_size=3).map("/".join)
    return Picture(
        path=draw(anything),
        content_hash=draw(st.text("0123456789abcdef", min_size=32, max_size=32)),
        size_bytes=draw(st.integers(0, 2**40)),
        mtime_ns=draw(st.integers(0, 2**62)),
        width=draw(st.integers(1, 10**5)),
        height=draw(st.integers(1, 10**5)),
        format=draw(st.sampled_from(["JPEG", "PNG"])),
        phash=draw(st.sampled_from(["", "0" * 64])),
        colours=tuple(draw(st.lists(st.sampled_from(COLOURS), unique=True, max_size=3))),
        taken=draw(st.sampled_from(["", "2024-05-01T10:00:00", "1999-12-31T23:59:59+02:00"])),
        copy_of=draw(st.integers(0, 3)),
        meta=draw(st.dictionaries(st.text("abcz_", min_size=1, max_size=6), _VALUES, max_size=4)),
    )


@st.composite
def printed(draw: Callable[..., object]) -> PrintedWords | None:
    """Any words, none that were found, or nobody has looked."""
    word = st.builds(Word, _TEXT, st.one_of(st.none(), st.tuples(_SHARES, _SHARES, _SHARES, _SHARES)), _SHARES)
    return draw(st.none() | st.builds(PrintedWords, st.lists(word, max_size=3).map(tuple), _TEXT))


@st.composite
def collections(draw: Callable[..., object], path: st.SearchStrategy[str] | None = None) -> list[WholePoint]:
    """A few points of any payload."""
    ids = sorted(draw(st.sets(st.integers(1, 2**40), min_size=1, max_size=4)))
    return [
        WholePoint(number, unit(number), draw(pictures(path)), _with_vectors(number, draw(printed()))) for number in ids
    ]


def _with_vectors(number: int, words: PrintedWords | None) -> WordsPoint | None:
    if words is None:
        return None
    size = len(words.words)
    form = SparseVector(np.arange(size, dtype=np.uint32) * 7, np.linspace(0.1, 2, size, dtype=np.float32))
    return WordsPoint(number, words, unit(number, WORDS.dim) if size else None, form)


def in_turn(points: Sequence[WholePoint], fails_at: int) -> Iterator[WholePoint]:
    """The points up to one, where the source ends in an error."""
    yield from points[:fails_at]
    raise OSError("the source went away")
