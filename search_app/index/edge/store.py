"""Qdrant Edge in a folder: one collection, no server."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from search_app.datatypes import EncoderSpec
from search_app.index import graph
from search_app.index.edge.generations import CollectionFolder
from search_app.index.edge.light.opening import LastExport, open_light
from search_app.index.edge.light.writer import LightWriter
from search_app.index.edge.reader import EdgeReader
from search_app.index.edge.shard import ANSWER_S
from search_app.index.edge.writer import EdgeWriter
from search_app.index.graph import Shape


@dataclass(frozen=True, slots=True)
class EdgeStore:
    """The collection in `index_dir`/`collection`; any number of processes read it while one writes."""

    index_dir: Path
    collection: str
    graph_from: int = 10_000
    """Segments of more points than this get a search graph; smaller ones are searched exactly."""

    answer_s: float = ANSWER_S
    """The engine of a reader that has not answered a question by then is taken to hang, and started again."""

    shape: Shape = graph.USUAL
    """Of a collection that is made; one that is there keeps its own, but is searched by this one's numbers."""

    light: bool = False
    """Writers commit a few changes as a delta over the last whole generation, which costs what the changes do."""

    _exports: LastExport = field(default_factory=LastExport, init=False, repr=False, compare=False)

    def reader(self) -> EdgeReader:
        """Open for answering; see `IndexStore.reader`."""
        return EdgeReader(CollectionFolder(self.index_dir, self.collection), self._shape(), self.answer_s)

    def writer(self, spec: EncoderSpec, folder: str, *, rebuild: bool = False) -> EdgeWriter | LightWriter:
        """Open for changing; see `IndexStore.writer`."""
        place = CollectionFolder(self.index_dir, self.collection)
        if self.light and not rebuild:
            return open_light(place, spec, folder, self._shape(), self._exports)
        return EdgeWriter(place, spec, folder, rebuild=rebuild, shape=self._shape())

    def lightly(self) -> Self:
        """The same collection for a few changes at a time; see `IndexStore.lightly`."""
        return replace(self, light=True)

    def _shape(self) -> Shape:
        return replace(self.shape, graph_from=self.graph_from)
