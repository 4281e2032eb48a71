"""A folder that is watched by a thread of the test."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from search_app.encoders.stub import StubEncoder
from search_app.errors import SearchAppError
from search_app.index.base import IndexStore
from search_app.index.memory.store import MemoryStore
from search_app.ingest.pipeline import IngestOptions, run_ingest
from search_app.ingest.report import IngestReport
from search_app.ingest.watching.follower import Followed, Follower
from search_app.ingest.watching.watcher import Watcher
from search_app.ingest.watching.words import Read
from search_app.ingest.words_pass import WordsParts
from search_app.sources.folder import FolderSource
from tests.adding.world import MAX_PIXELS, Held, held_by, noise

LIMIT_S = 60.0


def wait_for(holds: Callable[[], bool], limit: float = LIMIT_S) -> None:
    give_up = time.monotonic() + limit
    while not holds():
        assert time.monotonic() < give_up, "it never came true"
        time.sleep(0.01)


@dataclass
class Told:
    """What a watcher said."""

    scans: list[IngestReport] = field(default_factory=list)
    batches: list[Followed] = field(default_factory=list)
    read_words: list[Read] = field(default_factory=list)
    troubles: list[SearchAppError] = field(default_factory=list)

    def scanned(self, report: IngestReport) -> None:
        self.scans.append(report)

    def followed(self, what: Followed) -> None:
        self.batches.append(what)

    def read(self, what: Read) -> None:
        self.read_words.append(what)

    def waits(self, why: SearchAppError) -> None:
        self.troubles.append(why)


@dataclass
class World:
    """A folder with a few pictures in it, and its collection."""

    folder: Path
    store: IndexStore
    told: Told = field(default_factory=Told)

    def put(self, path: str, seed: int) -> Path:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(noise(seed))
        return file

    def held(self) -> dict[int, Held]:
        return held_by(self.store)

    def ids(self) -> dict[str, int]:
        """By path."""
        return {one.picture.path: number for number, one in self.held().items()}

    def index(self) -> IngestReport:
        return run_ingest(self.folder, StubEncoder(), self.store, IngestOptions(MAX_PIXELS), lambda *_: None)

    @contextmanager
    def watching(self, words: WordsParts | None = None, metadata: Path | None = None) -> Iterator[Told]:
        """Watch until the block ends; what ends the watcher is raised there."""
        options = IngestOptions(MAX_PIXELS, workers=1, metadata=metadata)
        watcher = Watcher(Follower(FolderSource(self.folder), StubEncoder(), self.store, options), self.told, words)
        stop = threading.Event()
        ended: list[BaseException] = []

        def run() -> None:
            try:
                watcher.run(stop)
            except BaseException as error:  # noqa: BLE001 - raised where the watching ends
                ended.append(error)

        before = len(self.told.scans)
        thread = threading.Thread(target=run)
        thread.start()
        try:
            wait_for(lambda: bool(ended) or len(self.told.scans) > before)
            yield self.told
        finally:
            stop.set()
            thread.join(LIMIT_S)
            assert not thread.is_alive()
            if ended:
                raise ended[0]


@pytest.fixture
def world(tmp_path: Path) -> World:
    """In memory, where a commit is seen at once; four pictures are indexed."""
    return made(tmp_path, MemoryStore("images"))


def made(home: Path, store: IndexStore) -> World:
    (home / "pictures").mkdir()
    world = World(home / "pictures", store)
    for number in range(1, 5):
        world.put(f"{number}.png", number)
    world.index()
    return world
