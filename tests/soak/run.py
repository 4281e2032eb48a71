"""A service that is asked while its index changes, for as long as one likes: no error, no growth, the oracle's answers.

`python -m tests.soak.run --minutes 60 --seed 1 --json OUT` runs `serve` over an embedded index and, beside it, `index`
again and again over a folder of pictures that changes, sometimes with `--rebuild`. Questions of every kind are compared
with the exact index in memory that went through the same runs, each within the generation that answered it.
"""

import argparse
import itertools
import json
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from search_app.settings import load_settings
from tests.soak.asking import Asking
from tests.soak.changes import ServedChanges
from tests.soak.oracle import Oracle, opened
from tests.soak.service import Home, complaints
from tests.soak.watching import Growth, Held, children, growth, held_by
from tests.soak.world import World

WARM_UP = 0.2
"""Of the time: threads, caches and allocators fill up."""
LEAST = {"anonymous_mib": 2.0, "handles": 0.5, "threads": 0.5}
"""Growth that is not told from none, where a series has hardly any noise."""


@dataclass(frozen=True)
class Length:
    """How long, how large, how often."""

    seconds: float
    pictures: int = 240
    pause_s: float = 12.0
    """Between two index runs."""
    per_second: float = 4.0
    """Questions."""
    sample_s: float = 2.0
    rebuild_every: int = 8
    """Each run of that number embeds everything again."""
    least_runs: int = 1
    """Goes on until so many ended, however slow the machine is."""


@dataclass
class Series:
    """What the service and its engine held, over time."""

    at: list[float] = field(default_factory=list)
    service: list[Held] = field(default_factory=list)
    engine: list[Held] = field(default_factory=list)

    def watch(self, process: int, every_s: float, stop: threading.Event) -> None:
        """Look again and again until told to stop."""
        began = time.monotonic()
        while not stop.wait(every_s):
            self.at.append(time.monotonic() - began)
            self.service.append(held_by(process))
            self.engine.append(sum(map(held_by, children(process)), Held()))

    def growths(self, warm_up_s: float) -> dict[str, Growth]:
        """By what was held and by whom, after the warm-up."""
        late = [number for number, at in enumerate(self.at) if at >= warm_up_s]
        seconds = [self.at[number] for number in late]
        return {
            f"{who} {what}": growth(seconds, [getattr(held[number], what) for number in late])
            for who, held in (("service", self.service), ("engine", self.engine))
            for what in LEAST
        }


@dataclass
class Runs:
    """The index runs that went on meanwhile."""

    done: int = 0
    rebuilds: int = 0
    embedded: int = 0
    removed: int = 0
    errors: list[str] = field(default_factory=list)


def soak(folder: Path, seed: int, model: str, length: Length) -> dict[str, Any]:
    """Run it in an empty folder; gives the report."""
    world = World(folder / "pictures", seed, length.pictures)
    home = Home(folder, model)
    settings = load_settings(model=model, words="on", index_dir=folder / "oracle")
    series, runs, stop = Series(), Runs(), threading.Event()
    with opened(settings) as oracle:
        _index(home, world, oracle, runs, rebuild=False)
        steady = [number for path, number in oracle.ids().items() if "steady-" in path]
        with home.serving() as (process, url, log):
            watcher = threading.Thread(target=series.watch, args=(process, length.sample_s, stop))
            watcher.start()
            served = ServedChanges(url, world, oracle)
            try:
                with Asking(url, oracle, steady, seed, length.per_second) as asking:
                    _keep_changing(home, world, oracle, runs, served, length)
            finally:
                stop.set()
                watcher.join()
                served.close()
            said = complaints(log)
    found = asking.found
    growths = series.growths(WARM_UP * length.seconds)
    return {
        "seed": seed,
        "model": model,
        **asdict(length),
        "runs": asdict(runs),
        "added while serving": served.added,
        "removed while serving": served.removed,
        "answers": found.answers,
        "compared": found.compared,
        "refused as asked": found.refused,
        "of unknown generations": found.unknown,
        "words not read yet": found.without_words,
        "generations": len(found.generations),
        "kinds": dict(found.kinds),
        "errors": len(found.errors) + len(runs.errors) + len(served.errors) + len(said),
        "first errors": [*found.errors, *runs.errors, *served.errors, *said][:20],
        "different": len(found.different),
        "first different": found.different[:20],
        "flat": {name: one.is_flat(_least(name)) for name, one in growths.items()},
        "growth": {name: asdict(one) for name, one in growths.items()},
        "series": {
            "at": series.at,
            "service": [asdict(held) for held in series.service],
            "engine": [asdict(held) for held in series.engine],
            "took": found.took,
        },
    }


def _least(name: str) -> float:
    return LEAST[name.split()[1]]


def _keep_changing(home: Home, world: World, oracle: Oracle, runs: Runs, served: ServedChanges, length: Length) -> None:
    """By turns through the service and by index runs."""
    end = time.monotonic() + length.seconds
    for number in itertools.count(1):
        time.sleep(max(0.0, min(length.pause_s, end - time.monotonic())))
        if time.monotonic() >= end and number > length.least_runs:
            return
        served.some()
        world.change()
        _index(home, world, oracle, runs, rebuild=number % length.rebuild_every == 0)


def _index(home: Home, world: World, oracle: Oracle, runs: Runs, *, rebuild: bool) -> None:
    """First the oracle, so that every generation that can answer is known."""
    expected = oracle.follow(world.folder, rebuild=rebuild)
    try:
        report = home.index(world.folder, rebuild=rebuild)
    except subprocess.CalledProcessError as error:
        runs.errors.append(f"index ended with {error.returncode}: {error.stderr[-500:]}")
        return
    oracle.settle(home.generation())
    runs.done += 1
    runs.rebuilds += rebuild
    runs.embedded += report["indexed"]
    runs.removed += report["removed"]
    told = {name: report[name] for name in ("indexed", "unchanged", "renamed", "removed", "skipped")}
    wanted = {name: expected.to_json()[name] for name in told}
    if told != wanted:
        runs.errors.append(f"index reports {told} instead of {wanted}")


def main() -> int:
    """0 where nothing went wrong and nothing grew."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--model", default="lite", help="lite (default) or stub")
    parser.add_argument("--json", type=Path, metavar="OUT")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        report = soak(Path(folder), arguments.seed, arguments.model, Length(60 * arguments.minutes))
    if arguments.json:
        arguments.json.write_text(json.dumps(report) + "\n")
    sys.stdout.write(json.dumps({name: value for name, value in report.items() if name != "series"}, indent=1) + "\n")
    return 0 if not report["errors"] and not report["different"] and all(report["flat"].values()) else 1


if __name__ == "__main__":
    raise SystemExit(main())
