"""Kills on one folder's index, and what must be true after each."""

import random
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from search_app.datatypes import FloatVector, Known
from search_app.errors import IndexDamaged, NoIndexYet
from search_app.index.edge.reader import EdgeReader
from search_app.index.edge.store import EdgeStore
from tests.chaos.victims import Command, Prey, strike
from tests.chaos.world import Folder, Twin, differences, index, scores_by_path

_LEFT_OVERS = (".part", ".copying", "trash", "damaged")


@dataclass
class Hunt:
    """One folder, its index, its twin, and the kills."""

    home: Path
    chance: random.Random
    prey: Prey | Command
    kills: Counter[str] = field(default_factory=Counter)
    rounds: int = 0
    served: int = 0
    """The newest generation that readers have seen."""
    kept: dict[int, Known] = field(default_factory=dict)
    """What the last run that ended well left."""
    torn: list[dict[int, Known]] = field(default_factory=list)
    """What runs that were killed since then had to make of the folder: the index may hold some of each."""
    takes: float = 1.0
    moments: int = 100

    def __post_init__(self) -> None:
        (self.home / "pictures").mkdir()
        self.folder = Folder(self.home / "pictures", self.chance)
        self.twin = Twin(self.prey.encoder, self.prey.cache)

    def round(self, most: int) -> None:
        """One state of the folder: at most `most` kills, then a run that nobody disturbs."""
        self.rounds += 1
        self.folder.live(self.chance.randint(1, 10) if self.rounds > 1 else self.chance.randint(6, 30))
        wanted = self.twin.follow(self.folder.path)
        for _ in range(self.chance.randint(1, most)):
            if self.attempt(wanted):
                break
        else:
            self.finish()
        self.settle(wanted)

    def attempt(self, wanted: dict[int, Known]) -> bool:
        """A kill of any kind at any time; whether the run came to its end nevertheless."""
        kind = self.chance.choice(self.prey.kinds)
        return self.kill(wanted, kind, self.chance.randint(1, self.moments), self.chance.uniform(0, self.takes))

    def kill(self, wanted: dict[int, Known], kind: str, moment: int, after: float) -> bool:
        """Start a run and kill it or its engine, `after` seconds or before its file operation `moment`."""
        moment = moment if kind == "moment" else 0
        victim = self.prey.start(self.folder.path, moment)
        if kind != "moment":
            time.sleep(after)  # the random moment
        hit = strike(kind, victim.pid)
        code = victim.wait()
        self.kills[kind] += code < 0 if kind != "owner" else hit
        self.check_served(wanted)
        if code != 0:
            self.torn.append(wanted)
        return code == 0

    def finish(self) -> None:
        started = time.monotonic()
        code = self.prey.start(self.folder.path, 0).wait()
        assert code == 0, f"an undisturbed run ended with {code}: {self.prey.log.read_text()}"
        self.takes = time.monotonic() - started
        self.moments = max(self.prey.moments(), 1)

    def check_served(self, wanted: dict[int, Known]) -> None:
        """What a service sees now: no picture of before is missing but those that the folder lost, and none is odd."""
        with self.opened() as reader:
            try:
                manifest = reader.manifest()
            except (NoIndexYet, IndexDamaged):
                assert not self.served, "a collection that was there is gone"
                assert not self.prey.indexed()
                return
            assert manifest.generation >= self.served
            self.served = manifest.generation
            found = {known.id: known for known in reader.scan()}
            assert len(found) == manifest.count
            assert manifest.next_id > max(found, default=0)
            if self.prey.indexed():
                assert contents(found) == contents(wanted), "the run said that all are searchable"
                assert self.changed_between_kills(wanted) or found.keys() == wanted.keys(), "they have other ids"
            assert found.keys() >= self.lasting(wanted), "pictures are missing"
            right, ours = self.vectors_by_content(), reader.vectors([*found])
            for number, known in found.items():
                content = known.picture.content_hash
                assert content in self.contents_of(known, wanted), f"{known} came from nowhere"
                if content in right:
                    assert abs(ours[number] - right[content]).max() < self.prey.tolerance

    def changed_between_kills(self, wanted: dict[int, Known]) -> bool:
        """Whether the twin saw a state of the folder of which nobody knows how much the index saw.

        New pictures may have other ids then, and so may those that were renamed and changed in two steps.
        """
        return any(contents(state) != contents(wanted) for state in self.torn)

    def contents_of(self, known: Known, wanted: dict[int, Known]) -> set[str]:
        """What a picture may hold after a kill: what its id had in any state, or its path had where ids may differ."""
        states = (self.kept, *self.torn, wanted)
        if self.changed_between_kills(wanted):
            return {contents(state).get(known.picture.path, "") for state in states}
        return {state[known.id].picture.content_hash for state in states if known.id in state}

    def lasting(self, wanted: dict[int, Known]) -> set[int]:
        """Ids that readers have seen and that no folder since has lost."""
        if not self.changed_between_kills(wanted):
            return self.kept.keys() & wanted.keys()
        # No name is given twice. Where a file was copied and then changed, its id may go with what it was to the copy.
        there = contents(wanted).items()
        return {
            number for number, known in self.kept.items() if (known.picture.path, known.picture.content_hash) in there
        }

    def settle(self, wanted: dict[int, Known]) -> None:
        """After a run that came to its end: all is as it should be, and the next change starts from there."""
        if self.changed_between_kills(wanted):
            wanted = self.adopt(wanted)
        self.compare()
        self.kept = wanted
        self.torn.clear()

    def adopt(self, wanted: dict[int, Known]) -> dict[int, Known]:
        """Compare by path, as ids may differ, and let the twin have those of the index from now on."""
        with self.opened() as reader:
            found = {known.id: known for known in reader.scan()}
            assert contents(found) == contents(wanted)
            for number in self.lasting(wanted):
                assert found[number].picture.path == self.kept[number].picture.path, "it lasted, under another id"
            ours, theirs = (scores_by_path(one, self.prey.encoder) for one in (reader, self.twin.store.reader()))
            for path, scores in ours.items():
                assert scores == pytest.approx(theirs[path], abs=self.prey.tolerance)
            self.twin.become(reader)
        return found

    def vectors_by_content(self) -> dict[str, FloatVector]:
        """Of the pictures the twin holds, by content."""
        reader = self.twin.store.reader()
        held = {known.id: known.picture.content_hash for known in reader.scan()}
        return {held[number]: vector for number, vector in reader.vectors([*held]).items()}

    def compare(self) -> None:
        with self.opened() as reader:
            wrong = differences(reader, self.twin.store.reader(), self.prey.encoder, tolerance=self.prey.tolerance)
            assert not wrong, f"not what an undisturbed history gives: {wrong}"
            self.served = reader.manifest().generation
        names = {entry.name for entry in (self.prey.store.index_dir / "images").iterdir()}
        assert not {name for name in names if name.endswith(_LEFT_OVERS) or name.startswith(_LEFT_OVERS)}, names

    def compare_with_a_fresh_build(self) -> None:
        """The folder as it is, indexed at once into an empty collection: other ids, the same answers."""
        encoder, folder = self.prey.encoder, self.folder.path
        wanted = self.twin.follow(folder)
        self.finish()
        fresh = EdgeStore(self.home / "fresh", "images")
        index(folder, encoder, fresh, None)
        with self.opened() as reader:
            assert {known.id: known for known in reader.scan()} == wanted
            ours = scores_by_path(reader, encoder)
        other = fresh.reader()
        theirs = scores_by_path(other, encoder)
        other.close()
        assert ours.keys() == theirs.keys()
        for path, scores in ours.items():
            assert scores == pytest.approx(theirs[path], abs=self.prey.tolerance)

    @contextmanager
    def opened(self) -> Iterator[EdgeReader]:
        reader = self.prey.store.reader()
        try:
            yield reader
        finally:
            reader.close()


def contents(state: Mapping[int, Known]) -> dict[str, str]:
    """Content hash by path."""
    return {known.picture.path: known.picture.content_hash for known in state.values()}
