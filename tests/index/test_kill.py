"""kill -9 at any moment of an index run leaves a collection that is served, and a run that can be finished."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from search_app.index.edge.store import EdgeStore
from tests.index.points import FOLDER, SPEC, ids_of, query
from tests.index.victim import wanted

KILLS = 15
ROOT = Path(__file__).resolve().parents[2]


def start(index_dir: Path, stage: int) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "tests.index.victim", str(index_dir), str(stage)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def run_and_kill(index_dir: Path, stage: int, after_s: float) -> tuple[bool, int]:
    """Whether the run was killed before its end, and the generation of the last commit that returned."""
    with start(index_dir, stage) as victim:
        assert victim.stdout is not None
        said = [victim.stdout.readline()]
        time.sleep(after_s)
        victim.kill()
        said += victim.stdout.read().split("\n")
    generations = [int(line) for line in said if line.strip().isdigit()]
    return victim.returncode != 0, max(generations, default=0)


def check_served(store: EdgeStore, stage: int, acknowledged: int) -> int:
    """Open as a service would: every point is of this stage or the one before, and none is missing in both."""
    before, after = wanted(stage - 1), wanted(stage)
    reader = store.reader()
    try:
        if acknowledged == 0 and store_is_new(store):
            return 0
        manifest = reader.manifest()
        assert manifest.generation >= acknowledged
        served = {known.id: known.picture for known in reader.scan()}
        assert len(served) == manifest.count
        assert manifest.next_id > max(served, default=0)
        assert set(served) >= set(before) & set(after)
        for number, one in served.items():
            assert one in [state[number].picture for state in (before, after) if number in state]
        for number, vector in reader.vectors([*served][::5]).items():
            right = next(p for p in (before.get(number), after.get(number)) if p and p.picture == served[number])
            np.testing.assert_allclose(vector, right.vector, atol=1e-6)
        return manifest.generation
    finally:
        reader.close()


def store_is_new(store: EdgeStore) -> bool:
    return not (store.index_dir / store.collection / "CURRENT").exists()


def test_a_run_killed_again_and_again_ends_like_one_that_never_was(tmp_path: Path) -> None:
    chance = random.Random(20240229)
    store = EdgeStore(tmp_path / "storage", "images", graph_from=100)
    stage, kills, served = 1, 0, 0
    for _ in range(4 * KILLS):
        killed, acknowledged = run_and_kill(store.index_dir, stage, chance.uniform(0, 0.7))
        generation = check_served(store, stage, max(acknowledged, served))
        assert generation >= served
        served = generation
        kills += killed
        if not killed:
            stage += 1
        if kills >= KILLS:
            break
    assert kills >= KILLS
    with start(store.index_dir, stage) as last:
        assert last.wait(60) == 0

    fresh = EdgeStore(tmp_path / "fresh", "images", graph_from=100)
    target = wanted(stage)
    with fresh.writer(SPEC, FOLDER) as writer:
        writer.upsert([*target.values()])
        writer.commit()
    compare(store, fresh, [*target])


def compare(store: EdgeStore, fresh: EdgeStore, ids: list[int]) -> None:
    reader, other = store.reader(), fresh.reader()
    assert list(reader.scan()) == list(other.scan())
    assert reader.manifest().next_id == other.manifest().next_id
    ours, theirs = reader.vectors(ids), other.vectors(ids)
    assert [*ours] == [*theirs] == ids
    np.testing.assert_array_equal(np.array([*ours.values()]), np.array([*theirs.values()]))
    for number in range(5):
        question = [query(900_000 + number, 20, exact=True)]
        assert ids_of(reader.search(question)[0]) == ids_of(other.search(question)[0])
    reader.close()
    other.close()
    left = {entry.name for entry in (store.index_dir / store.collection).iterdir()}
    assert not {name for name in left if name.endswith((".part", ".copying")) or name.startswith(("trash", "damaged"))}
