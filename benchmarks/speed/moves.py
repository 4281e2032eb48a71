"""What a collection costs from nothing to another place: load, optimise, search, migrate, snapshot, restore, export.

Vectors are real as far as there are, then synthetic around them (`python -m benchmarks synthetic`). Every step says its
seconds, the peak of the memory of this program and of the engines' processes, and what lies on the disk after it. With
`--no-graph` no search graph is built: what is left is the moving itself.
"""

import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.speed.graphs import memory_mb
from benchmarks.speed.growth import Stream, Truth, asked
from benchmarks.speed.made_up import picture
from benchmarks.speed.options import add_vectors, parser_of
from benchmarks.speed.results import Bench, Result, note
from benchmarks.speed.vectors import Cache
from search_app.datatypes import EncoderSpec, FloatMatrix, WholePoint
from search_app.index.edge.store import EdgeStore
from search_app.index.files import real_size
from search_app.index.pinned import PinnedIndex
from search_app.moving.archive import open_archive
from search_app.moving.copying import Progress
from search_app.moving.exporting import export
from search_app.moving.move import move
from search_app.moving.snapshot import write_snapshot

_EVERY_S = 0.2
_NO_GRAPH = 10**9
_GRAPH_FROM = 10_000


@dataclass
class Peak:
    """The most memory of this process and of those it started, in megabytes of their own."""

    here: float = 0.0
    engines: float = 0.0
    _over: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Look again and again until it is left."""
        watching = threading.Thread(target=self._watch, daemon=True)
        watching.start()
        try:
            yield
        finally:
            self._over.set()
            watching.join()

    def _watch(self) -> None:
        while True:
            self.here = max(self.here, memory_mb()["own"])
            self.engines = max(self.engines, sum(map(_own_mb, _children())))
            if self._over.wait(_EVERY_S):
                return


def _children() -> list[int]:
    files = Path("/proc/self/task").glob("*/children")
    return [int(pid) for file in files for pid in file.read_text("utf-8").split()]


def _own_mb(pid: int) -> float:
    try:
        return memory_mb(pid)["own"]
    except (OSError, KeyError):  # it has just ended
        return 0.0


@dataclass
class Steps:
    """Runs steps and writes down what each took."""

    work: Path
    count: int
    done: list[dict[str, Any]] = field(default_factory=list)

    def run(self, name: str, step: Callable[[], dict[str, Any] | None]) -> None:
        """One step; what it returns is noted beside the rest."""
        peak, started = Peak(), time.perf_counter()
        with peak.watched():
            said = step() or {}
        seconds = time.perf_counter() - started
        self.done.append(
            {
                "step": name,
                "seconds": round(seconds, 2),
                "points_a_second": round(self.count / seconds),
                "peak_mb": {"here": round(peak.here), "engines": round(peak.engines)},
                "disk_mb": round(real_size(self.work) / 1e6),
                **said,
            }
        )
        note(json.dumps(self.done[-1]))


def timed_parts(parts: dict[str, float]) -> Callable[[str], Progress]:
    """Progress that notes how long each part of a move took, by its name."""

    def begin(name: str) -> Progress:
        started = time.perf_counter()

        def progress(_done: int, _total: int) -> None:
            parts[f"{name}_s"] = round(time.perf_counter() - started, 2)

        return progress

    return begin


def shorter(rows: FloatMatrix, dim: int) -> FloatMatrix:
    """The first numbers of each row, of length 1 again."""
    cut = rows[:, :dim]
    return np.ascontiguousarray(cut / np.linalg.norm(cut, axis=1, keepdims=True), np.float32)


@dataclass(frozen=True)
class Course:
    """Where everything lies, and what is moved."""

    work: Path
    stream: Stream
    truth: Truth
    dim: int
    count: int
    graph_from: int

    def store(self, name: str) -> EdgeStore:
        """A collection by name."""
        return EdgeStore(self.work / "storage", name, self.graph_from)

    @contextmanager
    def pinned(self) -> Iterator[PinnedIndex]:
        """The collection that was loaded."""
        reader = self.store("loaded").reader()
        try:
            with reader.pinned() as index:
                yield index
        finally:
            reader.close()

    def load(self) -> dict[str, Any]:
        """Write all points and commit them; the last commit builds graph and export."""
        spec = EncoderSpec("made-up", self.dim, "0" * 32, (1, 1))
        with self.store("loaded").writer(spec, "pictures") as writer:
            started = time.perf_counter()
            for at, rows in self.stream.between(0, self.count):
                short = shorter(rows, self.dim)
                self.truth.see(at + 1, short)
                writer.write([WholePoint(n, row, picture(n), None) for n, row in enumerate(short, at + 1)])
            loaded = time.perf_counter()
            writer.commit()
        return {"load_s": round(loaded - started, 2), "optimise_s": round(time.perf_counter() - loaded, 2)}

    def moved(self, name: str, source: PinnedIndex) -> dict[str, Any]:
        """Move to another collection in the same folder, with its parts."""
        parts: dict[str, float] = {}
        started = time.perf_counter()
        done = move(source, self.store(name), timed_parts(parts))
        parts["commit_s"] = round(time.perf_counter() - started - sum(parts.values()), 2)
        return {**parts, "checksum": done.verified.checksum}

    def migrate(self) -> dict[str, Any]:
        """Edge to Edge."""
        with self.pinned() as index:
            return self.moved("migrated", index)

    def snapshot(self) -> dict[str, Any]:
        """To one file."""
        with self.pinned() as index:
            return {"file_mb": round(write_snapshot(index, self.work / "a.tar", _quiet).size / 1e6)}

    def restore(self) -> dict[str, Any]:
        """From that file."""
        return self.moved("restored", open_archive(self.work / "a.tar"))

    def parquet(self) -> dict[str, Any]:
        """Export as Parquet."""
        with self.pinned() as index:
            export(index, self.work / "out", "parquet", _quiet)
        return {"file_mb": round(real_size(self.work / "out") / 1e6)}


def _quiet(_done: int, _total: int) -> None:
    """Progress that nobody looks at."""


def table(result: Result) -> str:
    """Markdown: a step a line."""
    lines = [
        "| step | s | pictures a second | peak memory MB: program | engines | disk MB after it |",
        "|---" * 6 + "|",
    ]
    for one in result.figures["steps"]:
        memory = one["peak_mb"]
        cells = (one["step"], f"{one['seconds']:.1f}", f"{one['points_a_second']:,}")
        lines.append(f"| {' | '.join(cells)} | {memory['here']} | {memory['engines']} | {one['disk_mb']} |")
    return "\n".join(lines)


def main() -> None:
    """Run all steps, and write what each took."""
    parser = parser_of("moves", __doc__)
    add_vectors(parser, work="folder to make, and to remove afterwards")
    parser.add_argument("--count", type=int, default=50_000)
    parser.add_argument("--dim", type=int, default=512, help="numbers of a vector: the first of those in the cache")
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--no-graph", action="store_true", help="measure the moving alone")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.count, arguments.queries = 1_000, 5
    cache = Cache(arguments.cache)
    arguments.work.mkdir(parents=True)
    truth = Truth(arguments.work / "truth.npz", shorter(cache.sentences(arguments.queries), arguments.dim))
    graph_from = _NO_GRAPH if arguments.no_graph else _GRAPH_FROM
    stream = Stream.of(cache.real(min(arguments.real, arguments.count)))
    course = Course(arguments.work, stream, truth, arguments.dim, arguments.count, graph_from)
    steps = Steps(arguments.work, arguments.count)
    try:
        steps.run("load and optimise", course.load)
        steps.run("search", lambda: asked(course.store("loaded"), truth))
        steps.run("migrate", course.migrate)
        steps.run("snapshot", course.snapshot)
        steps.run("restore", course.restore)
        steps.run("export", course.parquet)
    finally:
        shutil.rmtree(arguments.work)
    said = f"--count {arguments.count} --dim {arguments.dim} --real {arguments.real}"
    name = "moves_alone" if arguments.no_graph else "moves"
    command = f"python -m benchmarks moves --cache CACHE --work WORK {said}{' --no-graph' * arguments.no_graph}"
    result = Bench(name, results=arguments.results).write(
        {"dim": arguments.dim, "count": arguments.count, "steps": steps.done}, command
    )
    print(table(result))


if __name__ == "__main__":
    main()
