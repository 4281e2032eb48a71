"""Index runs that can be killed: as they are forked here, and as a user types them."""

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

import psutil

from search_app.encoders.base import Encoder
from search_app.index.edge.store import EdgeStore
from tests.chaos import prey
from tests.chaos.world import NO_GRAPH, FewAtOnce

ROOT = Path(__file__).resolve().parents[2]
_PRELOADED = ["tests.chaos.prey"]
_LONGEST_RUN_S = 300.0


@dataclass(frozen=True)
class Victim:
    """A running index run."""

    pid: int
    wait: Callable[[], int]
    """Until it has ended; gives its exit code."""


class Prey:
    """Index runs with commits in between, words too, forked from one that has everything imported."""

    kinds = ("group", "alone", "owner", "moment", "moment")
    tolerance = 1e-5

    def __init__(self, home: Path, graph_from: int = NO_GRAPH, *, light: bool = False) -> None:
        """With `light` two runs of three commit a few changes lightly."""
        self._light, self._started = light, 0
        self.encoder: Encoder = FewAtOnce()
        self.cache: Path | None = home / "twin"
        self.store = EdgeStore(home / "storage", "images", graph_from)
        self.log = home / "said"
        self._processes = multiprocessing.get_context("forkserver")
        self._processes.set_forkserver_preload(_PRELOADED)

    def start(self, folder: Path, moment: int) -> Victim:
        self.log.write_text("")
        self._started += 1
        store = self.store.lightly() if self._light and self._started % 3 else self.store
        process: BaseProcess = self._processes.Process(target=prey.run, args=(store, folder, self.log, moment))
        process.start()
        assert process.pid is not None

        def wait() -> int:
            process.join(_LONGEST_RUN_S)
            assert process.exitcode is not None, "a run hangs"
            return process.exitcode

        return Victim(process.pid, wait)

    def said(self) -> list[str]:
        return self.log.read_text().split("\n")

    def indexed(self) -> bool:
        """Whether the run said that the pictures are in."""
        return prey.INDEXED in self.said()

    def moments(self) -> int:
        """File operations of the last run that came to its end."""
        return next((int(line.split()[1]) for line in self.said() if line.startswith(prey.MOMENTS)), 0)


class Command:
    """The command itself, as a user types it."""

    kinds = ("group", "alone", "owner")
    tolerance = 1e-4

    def __init__(self, home: Path, model: str, encoder: Encoder) -> None:
        self.encoder, self._model = encoder, model
        self.cache = None
        self.store = EdgeStore(home / "storage", "images")
        self.log = home / "said"

    def start(self, folder: Path, moment: int) -> Victim:
        mine = {name: value for name, value in os.environ.items() if not name.startswith(("SEARCH_", "QDRANT_"))}
        settings = {
            "SEARCH_MODEL": self._model, "SEARCH_WORDS": "off", "SEARCH_INDEX_DIR": str(self.store.index_dir),
            "PYTHONPATH": str(ROOT),
        }  # fmt: skip
        with self.log.open("w") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "search_app", "index", str(folder)],
                stdout=log, stderr=log, cwd=folder.parent, env=mine | settings, start_new_session=True,
            )  # fmt: skip
        return Victim(process.pid, lambda: process.wait(_LONGEST_RUN_S))

    def indexed(self) -> bool:
        return "searchable with" in self.log.read_text()

    def moments(self) -> int:
        return 0


def strike(kind: str, pid: int) -> bool:
    """Whether there was somebody to kill."""
    try:
        match kind:
            case "group":
                os.killpg(pid, signal.SIGKILL)
            case "alone":
                os.kill(pid, signal.SIGKILL)
            case "owner":
                owners = psutil.Process(pid).children()
                for owner in owners:
                    os.kill(owner.pid, signal.SIGKILL)
                return bool(owners)
    except (ProcessLookupError, psutil.NoSuchProcess):
        return False
    return True
