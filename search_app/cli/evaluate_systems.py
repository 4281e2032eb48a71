"""What `evaluate` and `compare` ask: the collection as it answers, and the baselines that stand beside it."""

import posixpath
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from search_app.datatypes import Manifest, Neighbours
from search_app.errors import ImageError, NotFound, SourceUnavailable
from search_app.evaluation.ann import AnnRecall, ann_recall
from search_app.evaluation.baselines import words_search
from search_app.evaluation.runner import Search
from search_app.evaluation.trec import Ranking
from search_app.images.thumbnails import make_thumbnail, thumbnail_of
from search_app.search.query import WordsMode
from search_app.search.service import SearchService
from search_app.settings import Settings
from search_app.wiring import open_service, open_service_of

MAX_PIXELS = 100_000_000
"""Of a picture on a page; larger ones are shown by name."""
FUSED, PRINT, WORDS = "fused", "print", "words"
"""Pictures and print searched together; print alone, by form and meaning; and a baseline, BM25 over the print."""
_THUMBNAIL = 160
_AT_ONCE = 256


@dataclass(frozen=True)
class Systems:
    """A collection that is open for questions."""

    service: SearchService
    paths: Mapping[int, str]
    """Id to path of every picture."""
    manifest: Manifest

    def asking(self, words: WordsMode) -> Search:
        """Ask the collection as it answers, with the printed words or without."""

        def search(texts: Sequence[str], depth: int) -> list[Ranking]:
            return [self._ranking(found) for found in self.service.search_batch(texts, depth, words)]

        return search

    @cached_property
    def words(self) -> Search | None:
        """BM25 over the words printed in the pictures; None where the collection holds no words."""
        if not self.manifest.words_fingerprint:
            return None
        ids = list(self.paths)
        documents: dict[str, str] = {}
        for start in range(0, len(ids), _AT_ONCE):
            for number, words in self.service.reader.words(ids[start : start + _AT_ONCE]).items():
                documents[self.paths[number]] = words.text
        return words_search(documents)

    def _ranking(self, found: Neighbours) -> Ranking:
        return Ranking([self.paths[number] for number in found.ids.tolist()], found.scores)

    def ann_recall(self, texts: Sequence[str]) -> AnnRecall:
        """The index at its settings against exact search, for these queries."""
        vectors = self.service.encoder.encode_texts(list(texts))
        return ann_recall(self.service.reader.search, vectors, len(self.paths))

    def thumbnail(self, path: str) -> bytes | None:
        """A small picture for a page."""
        if self.service.shows_files():
            return thumbnails(Path(self.manifest.folder))(path)
        try:
            data = self.service.content_of(self.service.picture(self._ids.get(path, 0)))
            return thumbnail_of(data, max_pixels=MAX_PIXELS, size=_THUMBNAIL)
        except (ImageError, NotFound, SourceUnavailable):
            return None

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {path: number for number, path in self.paths.items()}


def open_systems(settings: Settings, model: str = "") -> AbstractContextManager[Systems]:
    """Open the collection, with the model that `open_service` takes; raises what that and its index raise."""
    return _asking(open_service(settings, model))


def open_systems_of(settings: Settings, collection: str) -> AbstractContextManager[Systems]:
    """Open the collection of this very name with the model that made it."""
    return _asking(open_service_of(settings, collection))


@contextmanager
def _asking(service: SearchService) -> Iterator[Systems]:
    try:
        yield Systems(service, service.paths(), service.reader.manifest())
    finally:
        service.close()


def thumbnails(folder: Path | None) -> Callable[[str], bytes | None]:
    """Pictures of a folder for a page; never one outside it, whatever a file of judgements names."""

    def thumbnail(path: str) -> bytes | None:
        if folder is None or posixpath.isabs(path) or path.split("/", maxsplit=1)[0] == "..":
            return None
        try:
            return make_thumbnail(folder / path, max_pixels=MAX_PIXELS, size=_THUMBNAIL)
        except ImageError:
            return None

    return thumbnail
