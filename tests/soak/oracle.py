"""The same index runs on the exact index in memory, every generation kept: what each answer must have been."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from search_app.encoders.base import Encoder, SentenceEncoder
from search_app.index.memory.generation import Generation
from search_app.index.memory.reader import MemoryReader
from search_app.index.memory.store import MemoryStore
from search_app.ingest.pipeline import IngestOptions, run_ingest
from search_app.ingest.report import IngestReport
from search_app.ingest.words_pass import WordsParts, run_words
from search_app.search.query import SearchQuery
from search_app.search.results import SearchResult
from search_app.search.service import SearchService
from search_app.settings import Settings
from search_app.wiring import open_encoder, open_words

KEPT = 60
"""Generations; an answer is checked long before its own is forgotten."""


@dataclass(frozen=True)
class Shared:
    """A model that several hold and one closes."""

    model: SentenceEncoder

    @property
    def fingerprint(self) -> str:
        return self.model.fingerprint

    @property
    def dim(self) -> int:
        return self.model.dim

    def encode_sentences(self, texts: list[str]) -> object:
        return self.model.encode_sentences(texts)

    def close(self) -> None:
        """Left to the owner."""


class Oracle:
    """Follows the runs of `python -m search_app index`, and answers for any generation it knows."""

    def __init__(self, encoder: Encoder, parts: WordsParts, settings: Settings) -> None:
        self._encoder, self._parts, self._options = encoder, parts, IngestOptions(settings.max_pixels, 1)
        self._store = MemoryStore(settings.collection)
        self._asked = MemoryStore(settings.collection)
        self.generations: dict[int, Generation] = {}
        self.settled = 0
        """Up to this number generations are those of the product."""
        self._service = SearchService(
            encoder, MemoryReader(self._asked), open_sentences=lambda: Shared(parts.sentences)
        )

    def follow(self, folder: Path, *, rebuild: bool) -> IngestReport:
        """Do what the command does; afterwards the generations it will show are known."""
        report = self.follow_pictures(folder, rebuild=rebuild)
        run_words(folder, self._parts, self._encoder.spec, self._store, _silent)
        self._keep()
        return report

    def follow_pictures(self, folder: Path, *, rebuild: bool = False) -> IngestReport:
        """Do only the first half, which is what adding and removing through the service does."""
        # As the command: a rebuild is shown with the words of what did not change.
        options = replace(self._options, rebuild=rebuild, words=self._parts.spec.fingerprint)
        report = run_ingest(folder, self._encoder, self._store, options, _silent)
        self._keep()
        return report

    def settle(self, number: int) -> None:
        """Say which generation the product has come to.

        On a slow machine a run commits in between, so that it has more of them: those in between are not known here.
        """
        if number != self.newest:
            generation = self.generations[self.newest]
            manifest = replace(generation.record.manifest, generation=number)
            self._store.committed = replace(generation, record=replace(generation.record, manifest=manifest))
            self.generations = {known: one for known, one in self.generations.items() if known <= self.settled}
            self._keep()
        self.settled = number

    def lacks_words(self) -> bool:
        """Whether a generation of late was committed before its words were read."""
        late = [self.generations[number] for number in sorted(self.generations)[-6:]]
        return any(not one.record.manifest.words_fingerprint for one in late)

    def _keep(self) -> None:
        generation = self._store.committed
        assert generation is not None
        self.generations[generation.record.manifest.generation] = generation
        while len(self.generations) > KEPT:
            del self.generations[min(self.generations)]

    @property
    def newest(self) -> int:
        """Number of the last generation."""
        return max(self.generations, default=0)

    def ids(self) -> dict[str, int]:
        """Path to id in the last generation."""
        return {one.path: number for number, one in self.generations[self.newest].pictures.items()}

    def answer(self, generation: int, query: SearchQuery) -> SearchResult:
        """What a generation answers."""
        self._asked.committed = self.generations[generation]
        return self._service.search(query)


@contextmanager
def opened(settings: Settings) -> Iterator[Oracle]:
    """An oracle with the models that `settings` name."""
    encoder, parts = open_encoder(settings), open_words(settings)
    try:
        yield Oracle(encoder, parts, settings)
    finally:
        parts.close()
        encoder.close()


def _silent(_done: int, _total: int, _skipped: int) -> None:
    """Nobody watches."""
