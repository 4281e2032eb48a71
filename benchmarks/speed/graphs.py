"""Shards of one setting each, built and asked in processes of their own, so that memory and time are theirs alone.

They are built by `qdrant_edge` directly: the settings that are compared are not those the product uses.
"""

import json
import os
import resource
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.speed.exact import neighbours
from search_app.datatypes import FloatMatrix
from search_app.index.files import real_size

_ROWS = 500
_NAME = "image"
DEPTH = 264
"""What a page of answers asks for: the first tier of `search.pool` and a few more (`index.ranking`)."""


@dataclass(frozen=True)
class Shape:
    """How a shard is built."""

    name: str
    m: int = 16
    ef_construct: int = 100
    quantised: str = ""
    """"", int8, turbo4, turbo1, binary."""
    stored: str = "Float32"
    graph: bool = True


@dataclass(frozen=True)
class Asking:
    """How it is asked."""

    ef: int = 128
    oversampling: float = 0.0
    """Above 0: this many times as many as asked are named by quantised vectors and scored by the stored ones."""
    exact: bool = False
    limit: int = 10


PLAIN = Shape("m16")


class Graphs:
    """Shards in a folder; one that was built before is asked again as it is."""

    def __init__(self, folder: Path, rows: FloatMatrix, asked: Mapping[str, FloatMatrix]) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._rows, self._asked = folder / "rows.npy", folder / "asked.npz"
        if self._rows.exists():
            kept = np.load(self._rows, mmap_mode="r")
            if kept.shape != rows.shape or not np.array_equal(kept[::512], rows[::512]):
                raise SystemExit(f"{folder} holds the shards of other vectors: remove it, or name another folder")
        else:
            np.save(self._rows, rows)
        truth = {f"truth {name}": _truth(queries, rows) for name, queries in asked.items()}
        np.savez(self._asked, **asked, **truth)  # type: ignore[arg-type]

    def measured(self, shape: Shape, askings: Sequence[Asking]) -> dict[str, Any]:
        """What it takes to build, what it takes on the disk and in memory, and what it answers."""
        path, facts = self._folder / shape.name, self._folder / f"{shape.name}.json"
        if not facts.exists():
            shutil.rmtree(path, ignore_errors=True)
            built = _alone(_built, shape, path, self._rows)
            facts.write_text(json.dumps(built), "utf-8")
        told = json.loads(facts.read_text("utf-8"))
        return told | _alone(_answered, path, self._asked, [*askings])


def _alone(work: Any, *arguments: Any) -> dict[str, Any]:
    """Run in a fresh process: never forked, as an open shard would not survive that."""
    with get_context("spawn").Pool(1) as pool:
        answer: dict[str, Any] = pool.apply(work, arguments)
        return answer


def _truth(queries: FloatMatrix, rows: FloatMatrix) -> NDArray[np.int64]:
    """The ten nearest rows of each query by exact search."""
    return neighbours(queries, rows, 10)[0]


def _built(shape: Shape, path: Path, rows: Path) -> dict[str, Any]:
    shard = created(shape, path, int(np.load(rows, mmap_mode="r").shape[1]))
    started = time.perf_counter()
    for numbers, block in _blocks(rows):
        upsert(shard, numbers, block)
    shard.flush()
    stored, cpu = time.perf_counter(), time.process_time()
    if shape.graph:
        shard.optimize()
    shard.flush()
    figures = {
        "shape": asdict(shape),
        "upsert_s": round(stored - started, 1),
        "optimize_s": round(time.perf_counter() - stored, 1),
        "optimize_cpu_s": round(time.process_time() - cpu, 1),
        "build_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    shard.close()
    return figures | {"disk_mb": round(real_size(path / "segments") / 1e6, 1)}


def _blocks(rows: Path) -> Iterator[tuple[range, FloatMatrix]]:
    every = np.load(rows, mmap_mode="r")
    for start in range(0, len(every), _ROWS):
        block = np.asarray(every[start : start + _ROWS])
        yield range(start + 1, start + 1 + len(block)), block


def created(shape: Shape, path: Path, dim: int) -> Any:
    """An empty shard; graphs are built for any number of points, by `optimize`."""
    import qdrant_edge as qe

    quantised: Mapping[str, Callable[[], Any]] = {
        "": lambda: None,
        "int8": lambda: qe.ScalarQuantizationConfig(qe.ScalarType.Int8, 0.99),
        "turbo4": lambda: qe.TurboQuantQuantizationConfig(bits=qe.TurboQuantBitSize.Bits4),
        "turbo1": lambda: qe.TurboQuantQuantizationConfig(bits=qe.TurboQuantBitSize.Bits1),
        "binary": qe.BinaryQuantizationConfig,
    }
    vectors = qe.EdgeVectorParams(
        dim,
        qe.Distance.Cosine,
        datatype=getattr(qe.VectorStorageDatatype, shape.stored),
        quantization_config=quantised[shape.quantised](),
    )
    config = qe.EdgeConfig(
        vectors={_NAME: vectors},
        hnsw_config=qe.HnswIndexConfig(
            m=shape.m if shape.graph else 0,
            ef_construct=shape.ef_construct,
            full_scan_threshold=10 if shape.graph else 10**9,  # KB: whether the graph is asked
        ),
        optimizers=qe.EdgeOptimizersConfig(indexing_threshold=1),
    )
    return qe.EdgeShard.create(str(path), config)


def upsert(shard: Any, ids: Sequence[int], rows: FloatMatrix) -> None:
    """Store vectors without payload."""
    import qdrant_edge as qe

    points = [qe.Point(number, {_NAME: row}, {}) for number, row in zip(ids, rows.tolist(), strict=True)]
    shard.update(qe.UpdateOperation.upsert_points(points))


def _answered(path: Path, asked: Path, askings: list[Asking]) -> dict[str, Any]:
    """Answers of every way of asking to every kind of queries, and the memory of it."""
    import qdrant_edge as qe

    with np.load(asked) as kept:
        kinds = {name: (kept[name], kept[f"truth {name}"]) for name in kept.files if not name.startswith("truth ")}
    before, started = memory_mb(), time.perf_counter()
    shard = qe.EdgeShard.load(str(path))
    opened = time.perf_counter() - started
    figures: dict[str, Any] = {"open_s": round(opened, 3), "asked": []}
    for asking in askings:
        one: dict[str, Any] = {"asking": asdict(asking)}
        for name, (queries, truth) in kinds.items():
            one[name] = _asked(shard, asking, queries, truth)
        figures["asked"].append(one)
    after = memory_mb()
    shard.close()
    return figures | {"memory_mb": {kind: round(after[kind] - before[kind], 1) for kind in after}}


def _asked(shard: Any, asking: Asking, queries: FloatMatrix, truth: NDArray[np.int64]) -> dict[str, float]:
    took, right = [], 0
    for query, best in zip(queries.tolist(), truth, strict=True):
        started = time.perf_counter()
        ids = [hit.id for hit in shard.query(request(asking, query))]
        took.append(time.perf_counter() - started)
        right += len({*ids[:10]} & {*(best + 1).tolist()})
    milliseconds = 1000 * np.percentile(took, [50, 99])
    return {
        "recall": round(right / truth.size, 4),
        "p50_ms": round(float(milliseconds[0]), 2),
        "p99_ms": round(float(milliseconds[1]), 2),
    }


def request(asking: Asking, query: list[float]) -> Any:
    """A question in the engine's form."""
    import qdrant_edge as qe

    quantised = qe.QuantizationSearchParams(rescore=asking.oversampling > 0, oversampling=asking.oversampling or None)
    params = qe.SearchParams(hnsw_ef=asking.ef, exact=asking.exact, quantization=quantised)
    return qe.QueryRequest(asking.limit, query=qe.Query.Nearest(query, _NAME), params=params)


def memory_mb(pid: int | None = None) -> dict[str, float]:
    """Resident memory of a process: its own, and pages of files that the system may take back."""
    path = Path(f"/proc/{pid or os.getpid()}/status")
    lines = dict(line.split(":", 1) for line in path.read_text("utf-8").splitlines() if ":" in line)
    return {kind: int(lines[key].split()[0]) / 1024 for kind, key in (("own", "RssAnon"), ("files", "RssFile"))}
