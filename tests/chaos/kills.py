"""Kill index runs again and again: `python -m tests.chaos.kills --count 1000 --seed 7`.

A folder of pictures changes by chance; its index runs are killed at random times and at chosen file operations: the
whole process group, the run alone, or the owner of the engine alone. After every kill the collection is opened as the
service opens it, and a run that was let through must leave what the exact oracle holds, which nobody kills: the same
ids, payloads, words, vectors and answers. The schedule depends on the seed alone; a loss names the round to look at.
"""

import argparse
import os
import random
import sys
import tempfile
import time
import traceback
from pathlib import Path

from search_app.settings import Settings
from search_app.wiring import open_encoder
from tests.chaos.hunting import Hunt
from tests.chaos.victims import Command, Prey
from tests.chaos.world import NO_GRAPH, SMALL_GRAPH

MOST_A_ROUND = 6
SHOWN_EVERY = 25


def main() -> int:
    """Hunt until so many were killed; 1 at the first loss."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.kills", description=__doc__)
    parser.add_argument("--count", type=int, default=1000, help="kills (default 1000)")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument(
        "--command", metavar="MODEL", help="kill `python -m search_app index` with this model: stub or lite"
    )
    parser.add_argument("--light", action="store_true", help="two runs of three commit a few changes lightly")
    parser.add_argument("--graph", action="store_true", help="of collections with a search graph")
    arguments = parser.parse_args()
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # runs are forked from a process that has no threads
    with tempfile.TemporaryDirectory(prefix="kills-") as home:
        prey: Prey | Command = Prey(Path(home), SMALL_GRAPH if arguments.graph else NO_GRAPH, light=arguments.light)
        if arguments.command:
            encoder = open_encoder(Settings(model=arguments.command))
            prey = Command(Path(home), arguments.command, encoder)
        return run(Hunt(Path(home), random.Random(arguments.seed), prey), arguments.count, arguments.seed)


def run(hunt: Hunt, count: int, seed: int) -> int:
    started = time.monotonic()
    shown = 0
    try:
        while hunt.kills.total() < count:
            hunt.round(MOST_A_ROUND)
            if hunt.kills.total() >= shown + SHOWN_EVERY:
                shown = hunt.kills.total()
                say(hunt, started)
        hunt.compare_with_a_fresh_build()
    except AssertionError as loss:
        say(hunt, started)
        where = traceback.extract_tb(loss.__traceback__)[-1].line
        print(f"LOST with --seed {seed} in round {hunt.rounds}: {where}: {loss}", flush=True)  # noqa: T201
        return 1
    say(hunt, started)
    print(f"0 lost in {hunt.kills.total()} kills, seed {seed}", flush=True)  # noqa: T201
    return 0


def say(hunt: Hunt, started: float) -> None:
    """One line: how far it is."""
    kinds = ", ".join(f"{number} {kind}" for kind, number in sorted(hunt.kills.items()))
    seconds = time.monotonic() - started
    print(f"{hunt.kills.total()} kills ({kinds}) in {hunt.rounds} rounds, {seconds:.0f} s", flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
