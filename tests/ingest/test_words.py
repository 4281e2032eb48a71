"""The second pass: words of pictures that are searchable already, from sidecars, from the cache, or read now."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from search_app.datatypes import PrintedWords, VectorQuery, Word
from search_app.encoders.minilm import MiniLmSentences
from search_app.encoders.stub import StubEncoder
from search_app.errors import EncoderError, WordsError
from search_app.index.base import IndexStore
from search_app.index.edge.store import EdgeStore
from search_app.index.memory.store import MemoryStore
from search_app.index.server.store import ServerStore
from search_app.ingest.pipeline import IngestOptions, run_ingest
from search_app.ingest.report import WordsReport
from search_app.ingest.words import read_collection_words
from search_app.ingest.words_pass import WordsParts, run_words
from search_app.words.bm25 import sparse_query
from search_app.words.store import WordStore
from tests.index.conftest import LOCAL_MODE_WARNINGS, SharedClient

COLOURS = {(220, 30, 30): "red", (30, 160, 60): "green", (30, 70, 220): "blue", (0, 0, 0): "", (9, 9, 9): "unreadable"}
SPEC = StubEncoder().spec


@dataclass
class ColourReader:
    """Reads the name of a picture's colour; counts what it has read, and does first what a test asks for."""

    fingerprint: str = "colours-1"
    first: Callable[[], object] = lambda: None
    has_read: list[str] = field(default_factory=list)

    def read(self, image: Image.Image) -> PrintedWords:
        self.first()
        name = COLOURS[image.getpixel((0, 0))]
        if name == "unreadable":
            raise WordsError("its words cannot be read: too dark")
        self.has_read.append(name)
        return PrintedWords((Word(name, (0.1, 0.2, 0.3, 0.4), 0.9),) if name else (), "colours")

    def close(self) -> None:
        """Nothing is held."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    pictures = tmp_path / "pictures"
    (pictures / "sub").mkdir(parents=True)
    for path, name in {"a.png": "green", "b.png": "red", "sub/c.png": "blue", "d.png": ""}.items():
        paint(pictures / path, name)
    return pictures


def paint(path: Path, name: str) -> None:
    [colour] = [colour for colour, one in COLOURS.items() if one == name]
    Image.new("RGB", (40, 30), colour).save(path)


@pytest.fixture(scope="module")
def sentences() -> MiniLmSentences:
    return MiniLmSentences()


@pytest.fixture
def parts(tmp_path: Path, sentences: MiniLmSentences) -> Iterator[WordsParts]:
    store = WordStore(tmp_path / "cache")
    yield WordsParts(ColourReader(), sentences, store, workers=1)
    store.close()


@pytest.fixture
def store(folder: Path) -> MemoryStore:
    return MemoryStore("test")


def ignore(*_: int) -> None:
    """Progress nobody looks at."""


def index(folder: Path, store: IndexStore) -> None:
    run_ingest(folder, StubEncoder(), store, IngestOptions(1_000_000, workers=1), ignore)


def rebuild(folder: Path, store: IndexStore, words: str) -> None:
    options = IngestOptions(1_000_000, workers=1, rebuild=True, words=words)
    run_ingest(folder, StubEncoder(), store, options, ignore)


def read(folder: Path, store: IndexStore, parts: WordsParts) -> WordsReport:
    return run_words(folder, parts, SPEC, store, ignore)


def words(store: IndexStore) -> dict[str, list[str]]:
    """By path, of the pictures whose words were read."""
    reader = store.reader()
    paths = {item.id: item.picture.path for item in reader.scan()}
    found = {paths[number]: [word.text for word in one.words] for number, one in reader.words([*paths]).items()}
    reader.close()
    return found


@pytest.mark.parametrize("engine", ["edge", pytest.param("server", marks=LOCAL_MODE_WARNINGS)])
def test_each_picture_is_found_by_its_words_in_both_channels(
    engine: str, folder: Path, tmp_path: Path, parts: WordsParts
) -> None:
    client = SharedClient(":memory:")
    on_server = ServerStore("memory", "test", make_client=lambda _: client)
    store = on_server if engine == "server" else EdgeStore(tmp_path / "index", "test")
    index(folder, store)
    report = read(folder, store, parts)
    assert (report.read, report.unchanged, report.failed, report.with_words) == (4, 0, (), 3)
    assert words(store) == {"a.png": ["green"], "b.png": ["red"], "sub/c.png": ["blue"], "d.png": []}
    reader = store.reader()
    meaning = parts.sentences.encode_sentences(["the colour of the sky: blue"])[0]
    questions = [VectorQuery(sparse_query("BLUE!"), 5, channel="form"), VectorQuery(meaning, 1, channel="meaning")]
    for found in reader.search(questions):
        assert [reader.fetch([number])[number].picture.path for number in found.ids.tolist()] == ["sub/c.png"]
    assert {item.words_by for item in reader.scan()} == {parts.spec.fingerprint}
    reader.close()


def test_a_second_pass_reads_nothing_and_makes_no_generation(
    folder: Path, store: MemoryStore, parts: WordsParts
) -> None:
    index(folder, store)
    read(folder, store, parts)
    before = store.reader().manifest()
    report = read(folder, store, parts)
    assert (report.read, report.unchanged, report.with_words) == (0, 4, 3)
    assert store.reader().manifest() == before


def test_a_sidecar_is_taken_for_the_words_and_the_picture_is_not_read(
    folder: Path, store: MemoryStore, parts: WordsParts
) -> None:
    (folder / "a.txt").write_text("Sommerschlussverkauf\n50 %", "utf-8")
    (folder / "sub" / "c.png.txt").write_text("", "utf-8")
    index(folder, store)
    read(folder, store, parts)
    assert words(store) == {"a.png": ["Sommerschlussverkauf", "50 %"], "b.png": ["red"], "sub/c.png": [], "d.png": []}
    assert isinstance(parts.reader, ColourReader)
    assert sorted(parts.reader.has_read) == ["", "red"]


def test_a_sidecar_that_comes_changes_or_goes_is_followed(folder: Path, store: MemoryStore, parts: WordsParts) -> None:
    index(folder, store)
    read(folder, store, parts)
    told = []
    for text in ("new", "other", None):
        if text is None:
            (folder / "a.txt").unlink()
        else:
            (folder / "a.txt").write_text(text, "utf-8")
        assert read(folder, store, parts).read == 1
        told.append(words(store)["a.png"])
    assert told == [["new"], ["other"], ["green"]]


def test_a_bad_sidecar_or_picture_costs_itself_only(folder: Path, store: MemoryStore, parts: WordsParts) -> None:
    (folder / "b.txt").write_bytes(b"caf\xe9")
    paint(folder / "dark.png", "unreadable")
    paint(folder / "gone.png", "red")
    index(folder, store)
    (folder / "gone.png").unlink()
    (folder / "a.png").write_bytes(b"no picture any more")
    report = read(folder, store, parts)
    assert words(store) == {"sub/c.png": ["blue"], "d.png": []}
    reasons = {item.path: item.reason for item in report.failed}
    assert [*reasons] == ["a.png", "b.png", "dark.png", "gone.png"]
    assert "not a picture" in reasons["a.png"]
    assert "b.txt: not UTF-8" in reasons["b.png"]
    assert reasons["dark.png"] == "its words cannot be read: too dark"
    assert report.to_json()["failed"] == [{"path": path, "reason": reason} for path, reason in reasons.items()]
    assert (report.read, report.with_words) == (2, 1)


def test_a_long_name_leaves_no_room_for_a_sidecar(folder: Path, store: MemoryStore, parts: WordsParts) -> None:
    name = "n" * 250 + ".png"
    paint(folder / name, "red")
    index(folder, store)
    assert not read(folder, store, parts).failed
    assert words(store)[name] == ["red"]


def test_what_was_read_before_comes_from_the_cache(folder: Path, store: MemoryStore, parts: WordsParts) -> None:
    """Another collection, and a copy of a picture: words belong to the content."""
    index(folder, store)
    read(folder, store, parts)
    (folder / "copy.png").write_bytes((folder / "b.png").read_bytes())
    other = MemoryStore("other")
    index(folder, other)
    untouched = ColourReader()
    assert read(folder, other, replace(parts, reader=untouched)).read == 5
    assert words(other) == {**words(store), "copy.png": ["red"]}
    assert untouched.has_read == []


def test_a_renamed_picture_keeps_its_words_and_a_changed_one_gets_new_ones(
    folder: Path, store: MemoryStore, parts: WordsParts
) -> None:
    index(folder, store)
    read(folder, store, parts)
    (folder / "a.png").rename(folder / "z.png")
    paint(folder / "b.png", "blue")
    index(folder, store)
    assert words(store) == {"z.png": ["green"], "sub/c.png": ["blue"], "d.png": []}
    report = read(folder, store, parts)
    assert (report.read, report.unchanged) == (1, 3)
    assert words(store) == {"z.png": ["green"], "b.png": ["blue"], "sub/c.png": ["blue"], "d.png": []}


def test_another_reader_reads_everything_again(folder: Path, store: MemoryStore, parts: WordsParts) -> None:
    index(folder, store)
    read(folder, store, parts)
    second = ColourReader("colours-2")
    assert read(folder, store, replace(parts, reader=second)).read == 4
    assert len(second.has_read) == 4
    assert store.reader().manifest().words_fingerprint == replace(parts, reader=second).spec.fingerprint


def test_an_interrupted_pass_goes_on_where_it_was(folder: Path, store: MemoryStore, parts: WordsParts) -> None:
    index(folder, store)
    reader = ColourReader()

    def interrupt_the_third() -> None:
        if len(reader.has_read) == 2:
            raise KeyboardInterrupt

    reader.first = interrupt_the_third
    with pytest.raises(KeyboardInterrupt):
        read(folder, store, replace(parts, reader=reader))
    rest = ColourReader()
    assert read(folder, store, replace(parts, reader=rest)).read == 4
    assert sorted(reader.has_read + rest.has_read) == ["", "blue", "green", "red"]


def test_words_are_shown_while_others_are_read(folder: Path, store: MemoryStore, parts: WordsParts) -> None:
    for number in range(12):
        Image.new("RGB", (40 + number, 30)).save(folder / f"more {number}.png")
    index(folder, store)
    seen: list[int] = []
    reader = ColourReader(first=lambda: seen.append(len(words(store))))
    read(folder, store, replace(parts, reader=reader, commit_seconds=0))
    assert seen[0] == 0
    assert 0 < seen[-1] < 16
    assert len(words(store)) == 16


def test_a_reader_that_can_read_nothing_ends_the_pass(folder: Path, store: MemoryStore, parts: WordsParts) -> None:
    def break_down() -> None:
        raise EncoderError("the models cannot be used")

    index(folder, store)
    with pytest.raises(EncoderError, match="the models cannot be used"):
        read(folder, store, replace(parts, reader=ColourReader(first=break_down)))
    assert words(store) == {}


def test_another_run_may_change_the_collection_meanwhile(folder: Path, store: MemoryStore, parts: WordsParts) -> None:
    """What it removed or renamed is left out, and the next pass finds the rest."""
    index(folder, store)
    reader = ColourReader()

    def change_before_the_last() -> None:
        if len(reader.has_read) == 3:
            (folder / "a.png").rename(folder / "moved.png")
            (folder / "b.png").unlink()
            index(folder, store)

    reader.first = change_before_the_last
    report = read(folder, store, replace(parts, reader=reader))
    assert words(store) == {"sub/c.png": ["blue"], "d.png": []}
    assert (report.read, report.failed) == (2, ())
    assert read(folder, store, parts).read == 1
    assert words(store)["moved.png"] == ["green"]


def test_a_damaged_cache_ends_the_pass_with_the_remedy(folder: Path, store: MemoryStore, parts: WordsParts) -> None:
    index(folder, store)
    parts.store.path.parent.mkdir(parents=True)
    parts.store.path.write_bytes(b"no database at all" * 400)
    with pytest.raises(WordsError, match="delete it"):
        read(folder, store, parts)


def test_an_empty_collection_gets_empty_channels(tmp_path: Path, store: MemoryStore, parts: WordsParts) -> None:
    (tmp_path / "nothing").mkdir()
    index(tmp_path / "nothing", store)
    assert read(tmp_path / "nothing", store, parts).read == 0
    [found] = store.reader().search([VectorQuery(sparse_query("anything"), 5, channel="form")])
    assert np.array_equal(found.ids, [])


def test_words_without_an_index_are_by_path(folder: Path, tmp_path: Path) -> None:
    store = WordStore(tmp_path / "cache")
    steps: list[tuple[int, int, int]] = []
    paths = ["a.png", "missing.png", "d.png"]
    found = read_collection_words(folder, paths, ColourReader(), store, lambda *step: steps.append(step))
    again = read_collection_words(folder, paths, ColourReader(), store, ignore)
    store.close()
    assert {path: one.text for path, one in found.words.items()} == {"a.png": "green", "d.png": ""}
    assert [*found.failed] == ["missing.png"]
    assert (found.read, again.read) == (2, 0)
    assert again.words == found.words
    assert steps == [(0, 3, 0), (1, 3, 0), (2, 3, 1), (3, 3, 1)]


@pytest.mark.parametrize("engine", ["memory", "edge", pytest.param("server", marks=LOCAL_MODE_WARNINGS)])
def test_a_rebuild_is_shown_with_the_words_of_what_did_not_change(
    engine: str, folder: Path, tmp_path: Path, parts: WordsParts
) -> None:
    client = SharedClient(":memory:")
    make: dict[str, Callable[[], IndexStore]] = {
        "memory": lambda: MemoryStore("test"),
        "edge": lambda: EdgeStore(tmp_path / "index", "test"),
        "server": lambda: ServerStore("memory", "test", make_client=lambda _: client),
    }
    store = make[engine]()
    index(folder, store)
    read(folder, store, parts)
    (folder / "a.png").rename(folder / "z.png")
    paint(folder / "b.png", "blue")
    rebuild(folder, store, parts.spec.fingerprint)
    assert words(store) == {"z.png": ["green"], "sub/c.png": ["blue"], "d.png": []}
    reader = store.reader()
    meaning = parts.sentences.encode_sentences(["green"])[0]
    questions = [VectorQuery(sparse_query("green"), 5, channel="form"), VectorQuery(meaning, 1, channel="meaning")]
    for found in reader.search(questions):
        assert [reader.fetch([number])[number].picture.path for number in found.ids.tolist()] == ["z.png"]
    reader.close()
    assert read(folder, store, parts).read == 1
    assert words(store) == {"z.png": ["green"], "b.png": ["blue"], "sub/c.png": ["blue"], "d.png": []}


@pytest.mark.parametrize("fingerprint", ["", "of another reader"])
def test_a_rebuild_takes_over_no_words_of_another_kind(
    fingerprint: str, folder: Path, store: MemoryStore, parts: WordsParts
) -> None:
    index(folder, store)
    read(folder, store, parts)
    rebuild(folder, store, fingerprint)
    assert words(store) == {}
    assert store.reader().manifest().words_fingerprint == ""
