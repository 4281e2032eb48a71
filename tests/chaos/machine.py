"""Any sequence of changes, index runs and kills against a dict: `python -m tests.chaos.machine --count 200 --seed 7`.

Hypothesis draws the sequence and shrinks one that fails to its shortest form.
"""

import argparse
import random
import sys
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from search_app.images.fingerprints import content_hash
from tests.chaos.hunting import Hunt
from tests.chaos.victims import Prey

CHANCE = st.integers(0, 2**32 - 1)


class Collection(RuleBasedStateMachine):
    """A folder, its index, the exact oracle, and a dict of the files there are."""

    ended = 0
    """Sequences, also those that Hypothesis breaks off."""
    tells_progress = False

    def __init__(self) -> None:
        super().__init__()
        self.home = tempfile.TemporaryDirectory(prefix="machine-")
        home = Path(self.home.name)
        self.hunt = Hunt(home, random.Random(0), Prey(home))
        self.files: dict[str, str] = {}
        """Content hash by name."""

    @initialize(chance=CHANCE, number=st.integers(1, 12))
    def begin(self, chance: int, number: int) -> None:
        for step in range(number):
            self.add(chance=chance + step)

    def changed(self, chance: int, what: str) -> None:
        """One change of the folder, and of the dict: which file it was is seen from its time."""
        folder = self.hunt.folder
        folder.chance = random.Random(chance)
        before = set(folder.names())
        getattr(folder, what)()
        after = set(folder.names())
        for name in before - after:
            del self.files[name]
        for name in after:
            self.files[name] = content_hash((folder.path / name).read_bytes())

    @rule(chance=CHANCE)
    def add(self, chance: int) -> None:
        self.changed(chance, "add")

    @rule(chance=CHANCE)
    def change(self, chance: int) -> None:
        self.changed(chance, "change")

    @rule(chance=CHANCE)
    def rename(self, chance: int) -> None:
        self.changed(chance, "rename")

    @rule(chance=CHANCE)
    def duplicate(self, chance: int) -> None:
        self.changed(chance, "duplicate")

    @rule(chance=CHANCE)
    @precondition(lambda self: len(self.files) > 1)
    def delete(self, chance: int) -> None:
        self.changed(chance, "delete")

    @rule()
    def index(self) -> None:
        """A run that nobody disturbs: the dict, the oracle and the index are one."""
        hunt = self.hunt
        wanted = hunt.twin.follow(hunt.folder.path)
        hunt.finish()
        hunt.settle(wanted)
        with hunt.opened() as reader:
            assert {one.picture.path: one.picture.content_hash for one in reader.scan()} == self.files

    @rule(percent=st.integers(0, 99), kind=st.sampled_from(["moment", "group", "alone", "owner"]))
    def kill(self, percent: int, kind: str) -> None:
        """A run that is killed so far on its way; the folder may change before the next one."""
        hunt = self.hunt
        wanted = hunt.twin.follow(hunt.folder.path)
        moment, after = 1 + hunt.moments * percent // 100, hunt.takes * percent / 100
        if hunt.kill(wanted, kind, moment, after):
            hunt.settle(wanted)

    def teardown(self) -> None:
        self.home.cleanup()
        Collection.ended += 1
        if self.tells_progress and not Collection.ended % 10:
            print(f"{Collection.ended} sequences begun and ended", file=sys.stderr, flush=True)  # noqa: T201


def run(count: int, steps: int, number: int) -> None:
    """So many sequences of at most so many steps."""
    chosen = settings(
        max_examples=count,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        suppress_health_check=[*HealthCheck],
    )
    run_state_machine_as_test(seed(number)(Collection), settings=chosen)


def main() -> int:
    """As many sequences as asked for; an exception tells the shortest one that fails."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.machine", description=__doc__)
    parser.add_argument("--count", type=int, default=200, help="sequences (default 200)")
    parser.add_argument("--steps", type=int, default=30, help="the most steps of each (default 30)")
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    Collection.tells_progress = True
    run(arguments.count, arguments.steps, arguments.seed)
    print(f"{arguments.count} sequences, seed {arguments.seed}: alike to the end")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
