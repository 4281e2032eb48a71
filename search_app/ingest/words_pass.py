"""The second pass of an index run: the printed words of pictures that are searchable already.

It costs far more than the first, so it comes after it and shows its work in between. Pictures are read without holding
the collection; it is opened for writing only to store what was read, so that others can write to it meanwhile.
"""

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeAlias

from search_app.datatypes import EncoderSpec, ImageRef, Manifest, PrintedWords, WordsPoint, WordsSpec
from search_app.encoders.base import SentenceEncoder
from search_app.errors import WordsError
from search_app.index.base import IndexStore, IndexWriter
from search_app.ingest.pipeline import COMMIT_SHARE, FIRST_COMMIT_SECONDS
from search_app.ingest.report import Progress, Skipped, WordsReport
from search_app.ingest.words import MAX_PIXELS, MakeWordsEngine, ReadPicture, ToRead, WordsSource, read_here
from search_app.sources.base import Source
from search_app.sources.opening import as_source
from search_app.words.base import WordReader
from search_app.words.bm25 import FORM_VERSION, sparse_document
from search_app.words.reading_order import LARGEST_FIRST_VERSION, largest_first
from search_app.words.sidecar import SOURCE
from search_app.words.store import WordStore

LOOKED_UP_AT_ONCE = 500
OnCommit: TypeAlias = Callable[[Manifest, Manifest], None]
"""Told, while the collection is held, which manifest followed which."""


@dataclass(frozen=True, slots=True)
class WordsParts:
    """What the second pass works with."""

    reader: WordReader
    sentences: SentenceEncoder
    store: WordStore
    max_pixels: int = MAX_PIXELS
    workers: int = 0
    """Pictures read at once; 0 means one for each core."""
    commit_seconds: float = FIRST_COMMIT_SECONDS
    """What was read becomes searchable this often, or more seldom where a commit takes long."""
    make_engine: MakeWordsEngine = read_here
    """What reads."""

    @property
    def spec(self) -> WordsSpec:
        """Of the words and of both their vectors; what asks them knows its own half of the fingerprint."""
        rest = hashlib.sha256(f"{self.reader.fingerprint} {FORM_VERSION} {LARGEST_FIRST_VERSION}".encode()).hexdigest()
        return WordsSpec(f"{self.sentences.fingerprint}-{rest[:16]}", self.sentences.dim)

    def close(self) -> None:
        """Give everything back."""
        self.reader.close()
        self.sentences.close()
        self.store.close()


def run_words(
    folder: Path | Source, parts: WordsParts, spec: EncoderSpec, store: IndexStore, progress: Progress
) -> WordsReport:
    """Read the words of the pictures in `folder`, or a source, whose words are not stored or whose sidecar changed.

    Killed at any moment and run again it goes on where it was. Raises what `WordsEngine.read` raises, `IndexInUse` and
    `DiskFull`; the pictures stay searchable, and so do the words that were committed.
    """
    return _Pass(as_source(folder), parts, spec, store, progress).run()


def run_words_of(
    pictures: Mapping[ImageRef, int],
    source: Source,
    parts: WordsParts,
    spec: EncoderSpec,
    store: IndexStore,
    on_commit: OnCommit,
) -> WordsReport:
    """The same for some pictures only, given with their ids, whatever is stored of them."""
    some = _Pass(source, parts, spec, store, lambda *_: None)
    some.on_commit = on_commit
    return some.read({ToRead(ref): number for ref, number in pictures.items()})


class _Pass:
    """One run of the pass; holds what its steps share."""

    def __init__(
        self, source: Source, parts: WordsParts, spec: EncoderSpec, store: IndexStore, progress: Progress
    ) -> None:
        self._source, self._parts, self._spec, self._store, self._progress = source, parts, spec, store, progress
        self._words_spec = parts.spec
        self._failed: list[Skipped] = []
        self._read = self._unchanged = self._with_words = 0
        self.on_commit: OnCommit = lambda _before, _after: None

    def run(self) -> WordsReport:
        started = time.perf_counter()
        with self._writing() as writer:
            ids = self._unread(writer)
            if not ids:
                writer.commit(final=True)
        return self.read(ids, started)

    def read(self, ids: dict[ToRead, int], started: float | None = None) -> WordsReport:
        """Read these, whatever is stored of them."""
        started = time.perf_counter() if started is None else started
        self._read_all(ids)
        return WordsReport(
            read=self._read,
            unchanged=self._unchanged,
            failed=tuple(self._failed),
            with_words=self._with_words,
            seconds=time.perf_counter() - started,
        )

    @contextmanager
    def _writing(self) -> Iterator[IndexWriter]:
        with self._store.writer(self._spec, self._source.location) as writer:
            writer.open_words(self._words_spec)
            yield writer

    def _unread(self, writer: IndexWriter) -> dict[ToRead, int]:
        """The pictures to read, with their ids; the others are counted."""
        unread = {}
        known = writer.scan()
        while batch := list(islice(known, LOOKED_UP_AT_ONCE)):
            stored = writer.words([item.id for item in batch if item.words_by == self._words_spec.fingerprint])
            for item in batch:
                words = stored.get(item.id)
                if words is None or _is_outdated(self._source, item.picture.path, words):
                    unread[ToRead(item.picture.ref, item.picture.content_hash)] = item.id
                else:
                    self._unchanged += 1
                    self._with_words += bool(words.words)
        return unread

    def _read_all(self, unread: dict[ToRead, int]) -> None:
        parts = self._parts
        ids = {item.ref.path: number for item, number in unread.items()}
        engine = parts.make_engine(WordsSource(self._source, parts.reader, parts.store, parts.max_pixels))
        self._progress(0, len(ids), 0)
        waiting: list[tuple[int, ReadPicture]] = []
        next_commit = time.monotonic() + parts.commit_seconds
        for done, item in enumerate(engine.read([*unread], parts.workers), 1):
            waiting.append((ids[item.path], item))
            if item.words is None:
                self._failed.append(Skipped(item.path, item.reason))
            self._progress(done, len(ids), len(self._failed))
            if done == len(ids) or time.monotonic() >= next_commit:
                began = time.monotonic()
                self._show(waiting, final=done == len(ids))
                waiting = []
                took = time.monotonic() - began
                next_commit = time.monotonic() + max(parts.commit_seconds, took / COMMIT_SHARE)

    def _show(self, pictures: Sequence[tuple[int, ReadPicture]], *, final: bool) -> None:
        """Store and commit; what another run removed or renamed meanwhile is left to the next pass."""
        usable = [(number, item.path, item.words) for number, item in pictures if item.words is not None]
        points = make_points([(number, words) for number, _, words in usable], self._parts.sentences)
        with self._writing() as writer:
            before = writer.manifest()
            there = writer.fetch([point.id for point in points])
            paths = {number: known.picture.path for number, known in there.items()}
            kept = [point for point, (number, path, _) in zip(points, usable, strict=True) if paths.get(number) == path]
            writer.update_words(kept)
            self.on_commit(before, writer.commit(final=final))
        self._read += len(kept)
        self._with_words += sum(bool(point.words.words) for point in kept)


def make_points(words: Sequence[tuple[int, PrintedWords]], sentences: SentenceEncoder) -> list[WordsPoint]:
    """Make the vectors of both channels, by id."""
    texts = {number: largest_first(one.words) for number, one in words if one.words}
    meanings = dict(zip(texts, sentences.encode_sentences([*texts.values()]), strict=True))
    return [WordsPoint(number, one, meanings.get(number), sparse_document(one.text)) for number, one in words]


def _is_outdated(source: Source, path: str, words: PrintedWords) -> bool:
    """Whether a sidecar file came, went or changed since these words were stored."""
    try:
        beside = source.words_beside(path)
    except WordsError:
        return True
    return words.source == SOURCE if beside is None else beside != words
