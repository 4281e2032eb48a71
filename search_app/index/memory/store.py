"""The exact index in memory: the oracle that the engines are compared with, and an index for small scripts."""

from typing import Self

from search_app.datatypes import EncoderSpec
from search_app.index.memory.generation import Commits
from search_app.index.memory.reader import MemoryReader
from search_app.index.memory.writer import MemoryWriter


class MemoryStore(Commits):
    """One collection in this process; it ends with the process."""

    def reader(self) -> MemoryReader:
        """Open for answering."""
        return MemoryReader(self)

    def writer(self, spec: EncoderSpec, folder: str, *, rebuild: bool = False) -> MemoryWriter:
        """Open for changing; see `IndexStore.writer`."""
        return MemoryWriter(self, spec, folder, rebuild=rebuild)

    def lightly(self) -> Self:
        """Itself: every commit is as cheap as the next."""
        return self
