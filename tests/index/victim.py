"""A run that brings a collection to a wanted state and may be killed at any moment: what an index run does."""

import sys
from pathlib import Path

from search_app.datatypes import Point
from search_app.index.edge.store import EdgeStore
from tests.index.points import FOLDER, SPEC, picture, unit

ADDED = 60


def wanted(stage: int) -> dict[int, Point]:
    """The points after `stage` stages: each adds some, replaces and removes some of the stage before."""
    state = {}
    for number in range(1, stage * ADDED + 1):
        superseded = number <= (stage - 1) * ADDED
        if superseded and number % 7 == 0:
            continue
        made_of = number + 100_000 if superseded and number % 7 == 1 else number
        state[number] = Point(number, unit(made_of), picture(made_of))
    return state


def run(store: EdgeStore, stage: int) -> None:
    """Store what is missing in small batches, then remove what is too much, with commits in between."""
    target = wanted(stage)
    with store.writer(SPEC, FOLDER) as writer:
        print("ready", flush=True)  # noqa: T201 - the parent reads it
        known = {one.id: one.picture for one in writer.scan()}
        missing = [point for number, point in target.items() if known.get(number) != point.picture]
        for start in range(0, len(missing), 12):
            writer.upsert(missing[start : start + 12])
            if start % 24 == 0:
                report(writer.commit(final=False).generation)
        writer.delete([number for number in known if number not in target])
        report(writer.commit().generation)


def report(generation: int) -> None:
    """Say that a commit returned."""
    print(generation, flush=True)  # noqa: T201 - the parent reads it


if __name__ == "__main__":
    run(EdgeStore(Path(sys.argv[1]), "images", graph_from=100), int(sys.argv[2]))
