"""Qdrant Edge in a folder: one collection, no server."""

from dataclasses import dataclass
from pathlib import Path

from search_app.datatypes import EncoderSpec
from search_app.index.edge.generations import CollectionFolder
from search_app.index.edge.reader import EdgeReader
from search_app.index.edge.shard import ANSWER_S
from search_app.index.edge.writer import EdgeWriter


@dataclass(frozen=True, slots=True)
class EdgeStore:
    """The collection in `index_dir`/`collection`; any number of processes read it while one writes."""

    index_dir: Path
    collection: str
    graph_from: int = 10_000
    """Segments of more points than this get a search graph; smaller ones are searched exactly."""

    answer_s: float = ANSWER_S
    """The engine of a reader that has not answered a question by then is taken to hang, and started again."""

    def reader(self) -> EdgeReader:
        """Open for answering; see `IndexStore.reader`."""
        return EdgeReader(CollectionFolder(self.index_dir, self.collection), self.graph_from, self.answer_s)

    def writer(self, spec: EncoderSpec, folder: str, *, rebuild: bool = False) -> EdgeWriter:
        """Open for changing; see `IndexStore.writer`."""
        place = CollectionFolder(self.index_dir, self.collection)
        return EdgeWriter(place, spec, folder, rebuild=rebuild, graph_from=self.graph_from)
