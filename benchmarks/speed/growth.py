"""A collection that grows: what a picture costs to store, a query to answer, and the rest, from 1,000 pictures on.

The collection is one of the product's own. Sizes are reached one by one and each is written down at once: a long
run can be done in pieces. `--sizes` names those to reach now, `--work` holds what was reached. Of every size: storing
what is new, a commit on the way, the last commit (copy, graph, export), opening, searches, memory, disk.
"""

import json
import resource
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.speed.graphs import memory_mb
from benchmarks.speed.made_up import picture
from benchmarks.speed.options import add_vectors, parser_of
from benchmarks.speed.results import Bench, Result, note, read
from benchmarks.speed.synthetic import Synthetic
from benchmarks.speed.vectors import Cache
from search_app.datatypes import EncoderSpec, FloatMatrix, Point, VectorQuery
from search_app.index.edge.store import EdgeStore
from search_app.index.files import real_size

PICTURE = Path(__file__).parents[2] / "docs" / "pictures" / "growth.svg"
SIZES = (1_024, 4_096, 16_384, 65_536)
_DEPTH = 256
"""What a page of answers asks for."""


@dataclass(frozen=True)
class Stream:
    """The pictures of a collection of any size, always the same ones: real as far as there are, then synthetic."""

    real: FloatMatrix
    synthetic: Synthetic

    @classmethod
    def of(cls, real: FloatMatrix) -> "Stream":
        """Real vectors, which the others are made around."""
        return cls(real, Synthetic.around(real))

    def between(self, first: int, end: int) -> Iterator[tuple[int, FloatMatrix]]:
        """The rows from `first` to before `end` with the number of the first, some thousands at a time."""
        at = 0
        for block in self._blocks(end):
            low, high = max(first - at, 0), min(end - at, len(block))
            if low < high:
                yield at + low, block[low:high]
            at += len(block)

    def _blocks(self, end: int) -> Iterator[FloatMatrix]:
        yield self.real[:end]
        yield from self.synthetic.blocks(end - len(self.real))


class Truth:
    """The ten nearest of each query so far, by exact search over what streams by; kept with the collection."""

    def __init__(self, path: Path, queries: FloatMatrix) -> None:
        self._path, self.queries = path, queries
        shape = (len(queries), 10)
        self.ids, self._scores = np.zeros(shape, np.int64), np.full(shape, -2, np.float32)
        if path.exists():
            with np.load(path) as kept:
                self.ids, self._scores = kept["ids"], kept["scores"]

    def see(self, first_id: int, rows: FloatMatrix) -> None:
        """Look at some rows more."""
        new = np.broadcast_to(np.arange(first_id, first_id + len(rows)), (len(self.queries), len(rows)))
        ids = np.concatenate([self.ids, new], axis=1)
        scores = np.concatenate([self._scores, self.queries @ rows.T], axis=1)
        best = np.argsort(-scores, axis=1)[:, :10]
        self.ids, self._scores = np.take_along_axis(ids, best, axis=1), np.take_along_axis(scores, best, axis=1)

    def keep(self) -> None:
        """Write it down."""
        np.savez(self._path, ids=self.ids, scores=self._scores)


def grown(store: EdgeStore, spec: EncoderSpec, stream: Stream, truth: Truth, size: int) -> dict[str, Any]:
    """Bring the collection to `size` pictures; the seconds it took, and those of processors in the engine's process."""
    worked = engine_seconds()
    with store.writer(spec, "pictures") as writer:
        had = writer.manifest().count
        stored, copied = 0.0, 0.0
        for at, rows in stream.between(had, size):
            truth.see(at + 1, rows)
            points = [Point(number, row, picture(number)) for number, row in enumerate(rows, at + 1)]
            started = time.perf_counter()
            if not stored:
                writer.vectors([1])  # copies what was committed: told apart
                copied = time.perf_counter() - started
            writer.upsert(points)
            stored += time.perf_counter() - started
        started = time.perf_counter()
        writer.commit(final=False)
        between = time.perf_counter()
        writer.commit(final=True)
        ended = time.perf_counter()
        truth.keep()
    return {
        "count": size,
        "added": size - had,
        "upsert_s": round(stored - copied, 2),
        "copy_s": round(copied, 2),
        "commit_s": round(between - started, 2),
        "final_commit_s": round(ended - between, 2),
        "engine_processor_s": round(engine_seconds() - worked, 1),
        "peak_mb": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024,
    }


def engine_seconds() -> float:
    """Of processors, in all processes that were begun and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def asked(store: EdgeStore, truth: Truth) -> dict[str, Any]:
    """What a fresh reader takes to open, and what it answers; every query is asked once before it counts."""
    started = time.perf_counter()
    reader = store.reader()
    try:
        opened = time.perf_counter() - started
        pid = reader._follower.serving.shard.process.pid  # type: ignore[union-attr]  # noqa: SLF001 - its memory
        fresh = memory_mb(pid)
        took: list[float] = []
        right = 0
        for turn in range(2):
            for query, best in zip(truth.queries, truth.ids, strict=True):
                began = time.perf_counter()
                found = reader.search([VectorQuery(query, _DEPTH)])[0]
                took.append(time.perf_counter() - began)
                right += len({*found.ids[:10].tolist()} & {*best.tolist()}) if turn else 0
        p50, p99 = 1000 * np.percentile(took[len(truth.queries) :], [50, 99])
        return {
            "open_s": round(opened, 2),
            "recall": round(right / truth.ids.size, 4),
            "p50_ms": round(float(p50), 2),
            "p99_ms": round(float(p99), 2),
            "memory_mb": {"fresh": fresh, "asked": memory_mb(pid)},
        }
    finally:
        reader.close()


def disk(store: EdgeStore) -> dict[str, float]:
    """Megabytes of the newest generation: the engine's files and the export."""
    folder = store.index_dir / store.collection
    current = folder / (folder / "CURRENT").read_text("utf-8").strip()
    shard = real_size(current / "shard")
    return {"shard_mb": round(shard / 1e6, 1), "export_mb": round((real_size(current) - shard) / 1e6, 1)}


def table(result: Result) -> str:
    """Markdown: a size a line."""
    columns = (
        *("pictures", "storing: ms a picture", "commit on the way s", "last commit s", "ms a picture added", "open s"),
        *("p50 ms", "p99 ms", "recall@10", "engine's memory MB: own", "of files", "disk MB: engine", "export"),
    )
    lines = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    for one in result.figures["sizes"]:
        memory = one["memory_mb"]["asked"]
        cells = (
            f"{one['count']:,}",
            f"{1000 * one['upsert_s'] / one['added']:.2f}",
            f"{one['commit_s']:.1f}",
            f"{one['final_commit_s']:.1f}",
            f"{1000 * total(one) / one['added']:.2f}",
            f"{one['open_s']:.2f}",
            *(f"{one['p50_ms']:.1f}", f"{one['p99_ms']:.1f}", f"{one['recall']:.3f}"),
            *(f"{memory['own']:.0f}", f"{memory['files']:.0f}", f"{one['shard_mb']:.0f}", f"{one['export_mb']:.0f}"),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def total(one: dict[str, Any]) -> float:
    """Seconds to reach a size from the one before."""
    return float(one["upsert_s"] + one["copy_s"] + one["commit_s"] + one["final_commit_s"])


def draw(result: Result, path: Path) -> None:
    """The curves, as SVG."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "growth"
    from matplotlib import pyplot as plt

    sizes = result.figures["sizes"]
    count = [one["count"] for one in sizes]
    panels = {
        "a picture added, ms": {
            "stored": [1000 * one["upsert_s"] / one["added"] for one in sizes],
            "with commits, graph and export": [1000 * total(one) / one["added"] for one in sizes],
        },
        "a search, ms": {"p50": [one["p50_ms"] for one in sizes], "p99": [one["p99_ms"] for one in sizes]},
        "engine's memory, MB": {
            "own": [one["memory_mb"]["asked"]["own"] for one in sizes],
            "with pages of files": [sum(one["memory_mb"]["asked"].values()) for one in sizes],
        },
        "disk MB, opening s": {
            "engine": [one["shard_mb"] for one in sizes],
            "export": [one["export_mb"] for one in sizes],
            "opening, s": [one["open_s"] for one in sizes],
        },
    }
    figure, places = plt.subplots(2, 2, figsize=(9, 6), constrained_layout=True)
    for place, (title, curves) in zip(places.flat, panels.items(), strict=True):
        for name, values in curves.items():
            place.plot(count, values, marker="o", label=name)
        place.set(title=title, xscale="log", yscale="log", xlabel="pictures")
        place.grid(visible=True, which="major", alpha=0.3)
        place.legend()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def main() -> None:
    """Grow, and write every size that is reached."""
    parser = parser_of("growth", __doc__)
    add_vectors(parser, work="the collection is made here, and goes on growing")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--picture", type=Path, default=PICTURE)
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.sizes, arguments.queries = (256, 512), 10
    cache, bench = Cache(arguments.cache), Bench("growth", results=arguments.results)
    stream = Stream.of(cache.real(arguments.real))
    dim = int(stream.real.shape[1])
    store = EdgeStore(arguments.work, "growth")
    truth = Truth(arguments.work / "truth.npz", cache.sentences(arguments.queries))
    reached = read("growth", results=arguments.results).figures["sizes"] if truth.ids.any() else []
    for size in arguments.sizes:
        one = grown(store, EncoderSpec("made-up", dim, "0" * 32, (1, 1)), stream, truth, size)
        reached.append(one | asked(store, truth) | disk(store))
        note(json.dumps(reached[-1]))
        command = "python -m benchmarks growth --cache CACHE --work WORK --sizes"
        command += "".join(f" {each['count']}" for each in reached) + f" --real {len(stream.real)}"
        result = bench.write({"dim": dim, "real": len(stream.real), "sizes": reached}, command)
        draw(result, arguments.picture)
    print(table(result))


if __name__ == "__main__":
    main()
