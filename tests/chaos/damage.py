"""Damage every file of an embedded index, one by one: `python -m tests.chaos.damage --seed 7`.

Each case opens a copy of a good collection in which one file was harmed. Right are the answers of the oracle, also
after a repair from the export, in which nothing is embedded; a refusal is right only for the two files that no export
can make again, and says what to do. Wrong answers are never right.
"""

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from search_app.errors import IndexUnavailable, VectorIndexError
from search_app.index.edge.store import EdgeStore
from search_app.index.files import copy_tree_sparse, data_ranges
from tests.chaos.world import NO_GRAPH, SMALL_GRAPH, FewAtOnce, Folder, Twin, differences, index

REFUSED = {"CURRENT", "manifest.json"}
REPAIRED, UNHARMED, SAID = "repaired", "unharmed", "refused"
KEPT = "kept"
MENDED_WITHIN_S = 60.0


def cut(path: Path, chance: random.Random) -> None:
    os.truncate(path, path.stat().st_size // 2)


def emptied(path: Path, chance: random.Random) -> None:
    os.truncate(path, 0)


def removed(path: Path, chance: random.Random) -> None:
    path.unlink()


def overwritten(path: Path, chance: random.Random) -> None:
    """Its first bytes are noise."""
    with path.open("r+b") as file:
        file.write(chance.randbytes(64))


def flipped(path: Path, chance: random.Random) -> None:
    """One bit of what it holds; the holes of a sparse file hold nothing."""
    with path.open("r+b") as file:
        size = path.stat().st_size
        start, end = chance.choice([*data_ranges(file.fileno(), size)] or [(0, 0)])
        block = os.pread(file.fileno(), end - start, start)
        used = len(block.rstrip(b"\0")) or len(block)
        if used:
            place = chance.randrange(used)
            os.pwrite(file.fileno(), bytes([block[place] ^ (1 << chance.randrange(8))]), start + place)


HOWS: dict[str, Callable[[Path, random.Random], None]] = {
    one.__name__: one for one in (cut, emptied, removed, overwritten, flipped)
}


@dataclass
class Patient:
    """A good collection, copied for every case, and the truth about it."""

    home: Path
    chance: random.Random
    graph_from: int = NO_GRAPH
    light: bool = False
    """Whether the last changes lie in a delta over the generation before."""
    outcomes: Counter[str] = field(default_factory=Counter)
    made: int = 0

    def __post_init__(self) -> None:
        (self.home / "pictures").mkdir()
        folder = Folder(self.home / "pictures", self.chance)
        self.encoder = FewAtOnce()
        self.twin = Twin(self.encoder, self.home / "twin")
        good = EdgeStore(self.home / "good", "images", self.graph_from)
        for changes in (30, 6):
            folder.live(changes)
            self.twin.follow(folder.path)
            index(folder.path, self.encoder, good, self.home / "words")
        if self.light:
            folder.live(4)
            self.twin.follow(folder.path)
            index(folder.path, self.encoder, good.lightly(), self.home / "words")

    def files(self) -> list[str]:
        """Everything that can be harmed, by its path in the collection."""
        place = self.home / "good" / "images"
        return sorted(path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file())

    def harm(self, file: str, how: str) -> tuple[EdgeStore, Path]:
        """A copy with one file harmed, or all of them `KEPT`, and where it lies."""
        self.made += 1
        storage = self.home / f"case-{self.made}"
        storage.mkdir()
        copy_tree_sparse(self.home / "good" / "images", storage / "images")
        if how != KEPT:
            HOWS[how](storage / "images" / file, self.chance)
        return EdgeStore(storage, "images", self.graph_from), storage / "images"

    def examine(self, file: str, how: str) -> str:
        """How one case ended; raises `AssertionError` for a wrong answer and for a refusal that was not called for."""
        store, place = self.harm(file, how)
        found = self.answered(store)
        outcome = SAID
        if isinstance(found, VectorIndexError):
            assert Path(file).name in REFUSED, f"{file} {how}: {found}"
            assert "index" in str(found), f"{file} {how}: no remedy in {found}"
        else:
            assert not found, f"{file} {how}: wrong answers in silence: {found}"
            outcome = REPAIRED if list(place.glob("damaged-*")) else UNHARMED
        self.outcomes[outcome] += 1
        shutil.rmtree(place.parent)
        return outcome

    def answered(self, store: EdgeStore) -> list[str] | VectorIndexError:
        """What is wrong with the answers, or why there are none; a reader that mends its index is asked again."""
        reader = store.reader()
        give_up = time.monotonic() + MENDED_WITHIN_S
        try:
            while True:
                try:
                    return differences(reader, self.twin.store.reader(), self.encoder)
                except IndexUnavailable as error:
                    if time.monotonic() > give_up:
                        return error
                    time.sleep(0.1)
                except VectorIndexError as error:
                    return error
        finally:
            reader.close()


def main() -> int:
    """Every file in every way; 1 where one case ended wrongly."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.damage", description=__doc__)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--count", type=int, help="so many cases by chance (default: all)")
    parser.add_argument("--light", action="store_true", help="of a collection whose last changes are a delta")
    parser.add_argument("--graph", action="store_true", help="of a collection with a search graph")
    arguments = parser.parse_args()
    started, failures = time.monotonic(), 0
    with tempfile.TemporaryDirectory(prefix="damage-") as home:
        graph_from = SMALL_GRAPH if arguments.graph else NO_GRAPH
        patient = Patient(Path(home), random.Random(arguments.seed), graph_from, light=arguments.light)
        cases = [(file, how) for file in patient.files() for how in HOWS]
        if arguments.count is not None:
            cases = random.Random(arguments.seed).sample(cases, arguments.count)
        for file, how in cases:
            try:
                patient.examine(file, how)
            except AssertionError as error:
                failures += 1
                print(f"WRONG {error}", flush=True)  # noqa: T201
    found = ", ".join(f"{number} {outcome}" for outcome, number in sorted(patient.outcomes.items()))
    seconds = time.monotonic() - started
    print(f"{len(cases)} cases: {found}, {failures} wrong; seed {arguments.seed}, {seconds:.0f} s")  # noqa: T201
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
