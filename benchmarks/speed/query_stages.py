"""The stages of one fused query, timed apart inside one process: the engine apart from what is made of its answers."""

import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from benchmarks.speed import made_up
from benchmarks.speed.pairs import Timed
from search_app.api.schemas import SearchAnswer
from search_app.datatypes import Neighbours, VectorQuery
from search_app.encoders.base import Encoder
from search_app.encoders.minilm import MiniLmSentences
from search_app.index.edge.generations import CollectionFolder
from search_app.index.edge.reader import EdgeReader
from search_app.index.edge.store import EdgeStore
from search_app.search.query import SearchQuery
from search_app.search.service import SearchService

_WARM = 10


class TimedReader(EdgeReader):
    """Adds up the seconds that questions to the engine take."""

    seconds = 0.0

    def search(self, queries: Sequence[VectorQuery]) -> list[Neighbours]:
        """The same, timed."""
        started = time.perf_counter()
        try:
            return super().search(queries)
        finally:
            self.seconds += time.perf_counter() - started


def measured_stages(home: Path, encoder: Encoder, queries: int) -> dict[str, Timed]:
    """Seconds of each stage of `queries` fused queries; the collection is that of `made_up` in `home`.

    The sum of the stages and a bit is what the service spends on a request, without HTTP.
    """
    store = EdgeStore(home / "qdrant_storage", made_up.COLLECTION)
    reader = TimedReader(CollectionFolder(store.index_dir, store.collection), store.shape, store.answer_s)
    service = SearchService(encoder, reader, open_sentences=MiniLmSentences)
    took: dict[str, list[float]] = defaultdict(list)
    try:
        for number in range(-_WARM, queries):
            one = _stages(service, reader, made_up.sentence(number % made_up.DIFFERENT))
            if number >= 0:
                for name, seconds in one.items():
                    took[name].append(seconds)
    finally:
        service.close()
    return {name: Timed(tuple(seconds)) for name, seconds in took.items()}


def _stages(service: SearchService, reader: TimedReader, text: str) -> dict[str, float]:
    before = reader.seconds
    result = service.search(SearchQuery(text, fold=True))
    engine = reader.seconds - before
    started = time.perf_counter()
    SearchAnswer.of_query(result, "", text).model_dump_json()
    serialise = time.perf_counter() - started
    told = result.took_ms
    return {
        "encode (tokenise and both towers)": told.encode / 1000,
        "search (engine)": engine,
        "fuse": told.search / 1000 - engine,
        "fetch": told.fetch / 1000,
        "serialise": serialise,
    }
