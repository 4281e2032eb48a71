"""Bulk loads over a network that fails, again and again: `python -m tests.faults.loads --count N --seed S`.

Each round changes a folder and lets an index run bring a collection on a (stand-in) Qdrant server up to it, through a
proxy that drops, delays, cuts, garbles and forgets. In some rounds the run is the command, killed at some request. It
is run again until it succeeds; then the collection must hold what the folder does, each picture once, known ones under
their ids.
"""

import argparse
import json
import logging
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from search_app.datatypes import Known, VectorQuery
from search_app.encoders.stub import StubEncoder
from search_app.errors import VectorIndexError
from search_app.index.memory.store import MemoryStore
from search_app.index.server.retry import Patience
from search_app.index.server.store import ServerStore, Waiting
from search_app.ingest.pipeline import IngestOptions, run_ingest
from tests import warm
from tests.conftest import started
from tests.containers.qdrant_stand_in import serving
from tests.faults.plans import Seeded
from tests.faults.proxy import Asked, Fault, faulty_proxy
from tests.soak.world import World

OPTIONS = IngestOptions(max_pixels=10**6, workers=1)
_QUICK = Patience(6.0, first_delay_s=0.005, longest_delay_s=0.05)
HASTY = (Waiting(1, _QUICK), Waiting(1, _QUICK))
"""Patience of the product's kind that does not take its time."""


@dataclass
class Told:
    """What a run of rounds did and found."""

    rounds: int = 0
    requests: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    ended_with_a_sentence: int = 0
    kills: int = 0
    pictures: int = 0
    losses: list[str] = field(default_factory=list)
    """What was missing, twice, wrong or renumbered at the end of a round: none may be."""
    sentences: Counter[str] = field(default_factory=Counter)


class Loads:
    """One collection and its folder through many rounds."""

    def __init__(self, folder: Path, server: str, seed: int, pictures: int = 60) -> None:
        self.told = Told()
        self._seed, self._server, self._folder = seed, server, folder
        self._rng = random.Random(f"loads {seed}")
        self._world = World(folder / "pictures", seed, pictures)
        self._name = f"loads-{seed}"
        self._encoder = StubEncoder()
        self._ids: dict[str, int] = {}
        """Content hash to id, of contents that one picture has."""
        self._gone: set[int] = set()

    def round(self) -> None:
        """Change the folder, load under fire, check."""
        number = self.told.rounds
        if number:
            self._world.change()
        rate, forgets = self._rng.choice((0.02, 0.1, 0.3)), self._rng.random() < 0.3
        plan = Seeded(f"{self._seed} {number}", rate, forgets=forgets)
        rebuild = number > 0 and self._rng.random() < 0.15
        if self._rng.random() < 0.2:
            self._killed(plan, self._rng.randrange(3, 60), rebuild=rebuild)
        self._loaded(plan, rebuild=rebuild)
        self._check(number)
        self.told.rounds += 1

    def _loaded(self, plan: Fault, *, rebuild: bool) -> None:
        options = IngestOptions(OPTIONS.max_pixels, 1, rebuild)
        with faulty_proxy(self._server, plan) as proxy:
            store = ServerStore(proxy.url, self._name, waits=HASTY)
            for _ in range(40):
                try:
                    run_ingest(self._world.folder, self._encoder, store, options, _silent)
                    break
                except VectorIndexError as error:
                    self.told.ended_with_a_sentence += 1
                    self.told.sentences[str(error).split(proxy.url)[-1].split("(")[0].strip()] += 1
            else:
                self.told.losses.append(f"round {self.told.rounds}: no run of forty came to its end")
        self.told.requests += proxy.done.total()
        self.told.faults += Counter({kind: times for kind, times in proxy.done.items() if kind != "pass"})

    def _killed(self, plan: Fault, at: int, *, rebuild: bool) -> None:
        """Run the command and kill it when its request number `at` is on its way, before or after it is done."""
        victim: list[warm.Process] = []

        def fault(asked: Asked) -> str:
            if asked.number != at:
                return plan(asked)
            victim[0].kill()
            return self._rng.choice(("lose", "drop"))

        with faulty_proxy(self._server, fault) as proxy:
            settings = {"QDRANT_URL": proxy.url, "SEARCH_MODEL": "stub", "SEARCH_COLLECTION": self._name}
            again = ["--rebuild"] if rebuild else []
            command = ("index", self._world.folder, "--no-words", *again)
            process = started("search_app", *command, cwd=self._folder, env={**settings, "SEARCH_WORKERS": "1"})
            victim.append(process)
            process.wait(120)
        self.told.kills += process.returncode == -9

    def _check(self, number: int) -> None:
        """Look without faults at what is there, beside a fresh index in memory of the same folder."""
        oracle = MemoryStore(self._name)
        run_ingest(self._world.folder, self._encoder, oracle, OPTIONS, _silent)
        fresh, reader = oracle.reader(), ServerStore(self._server, self._name).reader()
        try:
            there = [*reader.scan()]
            wrong = _differences(there, [*fresh.scan()], reader.manifest().count)
            wrong += self._renumbered(there)
            query = self._encoder.encode_texts(["red and blue"])[0]
            ours, theirs = (one.search([VectorQuery(query, 1000)])[0].scores for one in (reader, fresh))
            if len(ours) != len(theirs) or not np.allclose(ours, theirs, atol=1e-5):
                wrong.append("vectors differ")
        finally:
            reader.close()
        self.told.pictures += len(there)
        self.told.losses += [f"round {number}: {one}" for one in wrong]

    def _renumbered(self, there: list[Known]) -> list[str]:
        """Contents that were there before under one id and have another, and ids that come again."""
        times = Counter(known.picture.content_hash for known in there)
        ids = {known.picture.content_hash: known.id for known in there if times[known.picture.content_hash] == 1}
        wrong = [f"{name[:8]}: id {ids[name]} was {self._ids[name]}" for name in ids.keys() & self._ids.keys()
                 if ids[name] != self._ids[name]]  # fmt: skip
        fresh = {number for name, number in ids.items() if name not in self._ids}
        kept = {known.id for known in there}
        wrong += [f"id {number} came again" for number in fresh & self._gone]
        self._gone |= set(self._ids.values()) - kept
        self._ids = ids
        return wrong


def _differences(there: list[Known], wanted: list[Known], count: int) -> list[str]:
    mine = Counter((known.picture.path, known.picture.content_hash) for known in there)
    theirs = Counter((known.picture.path, known.picture.content_hash) for known in wanted)
    wrong = [f"{path} is missing" for path, _ in theirs - mine] + [f"{path} is too much" for path, _ in mine - theirs]
    if len({known.id for known in there}) != len(there) or count != len(there):
        wrong.append(f"{len(there)} pictures are listed and {count} counted")
    return wrong


def _silent(_done: int, _total: int, _skipped: int) -> None:
    """Nobody watches."""


def main() -> int:
    """0 where nothing was lost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=200, help="rounds, fewer where the time is over")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, metavar="OUT")
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="faults-") as folder, serving() as server:
        loads = Loads(Path(folder), server, arguments.seed)
        while loads.told.rounds < arguments.count and time.monotonic() - began < 60 * arguments.minutes:
            loads.round()
    report = {**vars(loads.told), "seed": arguments.seed, "seconds": round(time.monotonic() - began)}
    text = json.dumps(report, indent=1)
    if arguments.json:
        arguments.json.write_text(text + "\n")
    sys.stdout.write(text + "\n")
    return 1 if loads.told.losses else 0


if __name__ == "__main__":
    raise SystemExit(main())
