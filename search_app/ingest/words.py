"""The words of a collection's pictures: from a sidecar, from the store, or read now; a bad one costs itself only."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias

from search_app.datatypes import UNKNOWN_SIZE, ImageRef, PrintedWords
from search_app.errors import ImageError, WordsError
from search_app.images.decode import decode_bytes
from search_app.images.fingerprints import content_hash
from search_app.ingest.ahead import prepare_ahead
from search_app.ingest.report import Progress
from search_app.sources.base import Source
from search_app.sources.opening import as_source
from search_app.words.base import WordReader
from search_app.words.store import RecordTooLarge, WordStore

MAX_PIXELS = 178_956_970
"""As the setting SEARCH_MAX_PIXELS has it where nothing is said."""
MAX_WORKERS = 8
"""Pictures read at once, one core each: each takes some hundred MB of memory."""
AHEAD = 8
"""Pictures a thread may be ahead of whoever takes the words, which are small. One page of small print takes as long as
four other pictures, and a commit as long as two: nobody waits for either."""


@dataclass(frozen=True, slots=True)
class CollectionWords:
    """What a pass over a collection's pictures gave."""

    words: Mapping[str, PrintedWords]
    """By path: every picture that could be read, also those without any word."""
    failed: Mapping[str, str]
    """Why the others could not be, by path."""
    read: int
    """Pictures that were read in this pass; the words of the others were there."""


@dataclass(frozen=True, slots=True)
class ToRead:
    """One picture whose words are wanted."""

    ref: ImageRef
    content_hash: str = ""
    """Of what was indexed; empty where nobody knows."""


@dataclass(frozen=True, slots=True)
class ReadPicture:
    """One picture on its way: its words, or the reason why there are none."""

    path: str
    words: PrintedWords | None
    reason: str = ""
    content_hash: str = ""
    """Of what was read just now; empty where the words were there."""

    @property
    def is_fresh(self) -> bool:
        """Read just now."""
        return self.content_hash != ""


class WordsEngine(Protocol):
    """Reads pictures: here, or on Ray."""

    def read(self, pictures: Sequence[ToRead], workers: int = 0) -> Iterator[ReadPicture]:
        """The words of all of `pictures`, in any order, read by `workers` at once; 0 leaves that to the engine.

        Each picture that was read is in the store before it is handed out. Raises `WordsError` where the store, and
        `EncoderError` where the reader cannot be used at all.
        """
        ...


def read_collection_words(
    folder: Path | Source,
    paths: Sequence[str],
    reader: WordReader,
    store: WordStore,
    progress: Progress,
    *,
    max_pixels: int = MAX_PIXELS,
) -> CollectionWords:
    """The words of the pictures at `paths` in `folder`.

    Each picture that was read is in the store at once: a run that was stopped goes on where it was. Raises what
    `WordsSource.read` raises.
    """
    words: dict[str, PrintedWords] = {}
    failed: dict[str, str] = {}
    fresh = 0
    progress(0, len(paths), 0)
    source = WordsSource(as_source(folder), reader, store, max_pixels)
    for item in source.read([ToRead(ImageRef(path, UNKNOWN_SIZE, 0)) for path in paths]):
        if item.words is None:
            failed[item.path] = item.reason
        else:
            words[item.path] = item.words
            fresh += item.is_fresh
        progress(len(words) + len(failed), len(paths), len(failed))
    return CollectionWords(words, failed, fresh)


@dataclass(frozen=True, slots=True)
class WordsSource:
    """Where the words of a source's pictures come from; a `WordsEngine` that reads in threads of this process."""

    source: Source
    reader: WordReader
    store: WordStore
    max_pixels: int = MAX_PIXELS

    def read(self, pictures: Sequence[ToRead], workers: int = 0) -> Iterator[ReadPicture]:
        """See `WordsEngine.read`; in the order of `pictures`."""
        return in_threads(self.read_one, pictures, workers)

    def at_hand(self, item: ToRead) -> ReadPicture | None:
        """What need not be read: a text file beside it, or what was read in this very content; None without either."""
        path = item.ref.path
        try:
            beside = self.source.words_beside(path)
        except WordsError as error:
            return ReadPicture(path, None, str(error))
        known = beside if beside is not None else self._known(item.content_hash)
        return None if known is None else ReadPicture(path, known)

    def kept(self, item: ReadPicture) -> ReadPicture:
        """Store what was read just now; more text than is kept for one picture is a reason."""
        if item.words is not None and item.is_fresh:
            try:
                self.store.put(item.content_hash, self.reader.fingerprint, item.words)
            except RecordTooLarge as error:
                return ReadPicture(item.path, None, str(error))
        return item

    def read_one(self, item: ToRead) -> ReadPicture:
        """What is at hand, or else what is read now; called in worker threads.

        What is wrong with one picture is a value, what is wrong with the store is not.
        """
        return self.at_hand(item) or self.kept(self.read_now(item))

    def read_now(self, item: ToRead) -> ReadPicture:
        """What is in the picture, which need not be what is at hand; not kept."""
        return read_picture(self.source, item.ref, self.reader, self.max_pixels, self._known)

    def _known(self, name: str) -> PrintedWords | None:
        return self.store.get(name, self.reader.fingerprint) if name else None


MakeWordsEngine: TypeAlias = Callable[[WordsSource], WordsEngine]


def in_threads(
    read: Callable[[ToRead], ReadPicture], pictures: Sequence[ToRead], workers: int
) -> Iterator[ReadPicture]:
    """Read ahead in threads of this process, in the order of `pictures`; 0 means one for each core."""
    threads = min(workers or os.cpu_count() or 1, MAX_WORKERS)
    return prepare_ahead(read, pictures, workers=threads, ahead=AHEAD * threads)


def read_here(source: WordsSource) -> WordsEngine:
    """In threads of this process."""
    return source


def read_picture(
    source: Source,
    ref: ImageRef,
    reader: WordReader,
    max_pixels: int,
    known: Callable[[str], PrintedWords | None] = lambda _name: None,
) -> ReadPicture:
    """Read the words in one picture, unless those of its content are `known`."""
    try:
        data = source.read(ref)
    except ImageError as error:
        return ReadPicture(ref.path, None, str(error))
    name = content_hash(data)
    if (there := known(name)) is not None:
        return ReadPicture(ref.path, there)
    try:
        words = reader.read(decode_bytes(data, max_pixels=max_pixels).image)
    except (ImageError, WordsError) as error:
        return ReadPicture(ref.path, None, str(error))
    return ReadPicture(ref.path, words, content_hash=name)
