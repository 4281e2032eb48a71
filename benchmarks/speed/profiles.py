"""Profiles of a collection beside each other: what they find against exact search, time, memory and disk.

The collections are the product's own, in the embedded engine; the table stands in docs/scale.md.
"""

import argparse
import shutil
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import tables
from benchmarks.speed.exact import neighbours
from benchmarks.speed.graphs import memory_mb
from benchmarks.speed.growth import Stream
from benchmarks.speed.made_up import picture
from benchmarks.speed.options import add_vectors, parser_of
from benchmarks.speed.pairs import each_call
from benchmarks.speed.results import Bench, Result, note
from benchmarks.speed.vectors import Cache
from search_app.datatypes import EncoderSpec, FloatMatrix, Point, VectorQuery
from search_app.index.edge.store import EdgeStore
from search_app.index.files import real_size
from search_app.index.profile import Profile
from search_app.index.profile_file import read_profile

PAGE = Path(__file__).parents[2] / "docs" / "scale.md"
_DEPTH = 256


def beside() -> dict[str, Profile]:
    """The built-in ones of one machine, and some on the way from one to the other."""
    default, compact = read_profile("default"), read_profile("compact")

    def smaller(**quantization: object) -> Profile:
        return Profile.model_validate(compact.model_dump() | {"quantization": {"always_ram": True, **quantization}})

    return {
        "`default`: int8, m 32, float32": default,
        "the same, float16": Profile.model_validate({"vectors": {"datatype": "float16"}}),
        "`compact`: 4 bits, m 16, float16, 512 scored again": compact,
        "the same, 256 scored again": smaller(method="turbo", bits=4, rescored=256),
        "the same, 2 bits, 1,000 scored again": smaller(method="turbo", bits=2, rescored=1_000),
        "the same, 1 bit (binary), 1,000 scored again": smaller(method="binary", bits=1, rescored=1_000),
    }


def measured(arguments: argparse.Namespace) -> dict[str, Any]:
    """Figures of every profile."""
    cache = Cache(arguments.cache)
    rows = np.concatenate([rows for _, rows in Stream.of(cache.real(arguments.real)).between(0, arguments.count)])
    queries = cache.sentences()[: arguments.queries]
    best = neighbours(queries, rows, 10)[0] + 1
    told = {}
    for name, profile in beside().items():
        told[name] = _one(arguments.work, profile, rows, queries, best)
        note(f"{name}: {told[name]}")
    return {"count": len(rows), "dim": int(rows.shape[1]), "queries": len(queries), "profiles": told}


def _one(work: Path, profile: Profile, rows: FloatMatrix, queries: FloatMatrix, best: Any) -> dict[str, Any]:
    shutil.rmtree(work / "profiles", ignore_errors=True)
    store = EdgeStore(work, "profiles", shape=profile.shape())
    with store.writer(EncoderSpec("made-up", rows.shape[1], "0" * 32, (1, 1)), "pictures") as writer:
        for first in range(0, len(rows), 1_000):
            some = range(first, min(first + 1_000, len(rows)))
            writer.upsert([Point(number + 1, rows[number], picture(number + 1)) for number in some])
        began = time.monotonic()
        writer.commit()
        seconds = time.monotonic() - began
    reader = store.reader()
    try:
        answers = [reader.search([VectorQuery(query, _DEPTH)])[0] for query in queries]
        right = sum(len({*a.ids[:10].tolist()} & {*true.tolist()}) for a, true in zip(answers, best, strict=True))
        calls = [partial(reader.search, [VectorQuery(query, _DEPTH)]) for query in queries]
        took = each_call({"search": calls})["search"].milliseconds()
        pid = reader._follower.serving.shard.process.pid  # type: ignore[union-attr]  # noqa: SLF001 - its memory
        memory = memory_mb(pid)
    finally:
        reader.close()
    disk = sum(real_size(shard) for shard in (work / "profiles").glob("gen-*/shard"))
    return {
        "recall": round(right / best.size, 4),
        "took": took,
        "memory_mb": memory,
        "disk_mb": round(disk / 1e6, 1),
        "commit_s": round(seconds, 1),
    }


def table(result: Result) -> str:
    """Markdown: a profile a line."""
    figures = result.figures
    head = (
        f"| {figures['count']:,} vectors of {figures['dim']} | recall@10 of sentences | p50 / p99 ms | memory MB: own "
    )
    lines = [head + "| of files | disk MB | commit s |", "|---" * 7 + "|"]
    for name in beside():  # in an order in which "the same" has a meaning; a kept result has another
        one = figures["profiles"][name]
        took, memory = one["took"], one["memory_mb"]
        late = took.get("p99", took["high"])
        cells = [f"{one['recall']:.3f}", f"{took['p50']:.1f} / {late:.1f}", f"{memory['own']:.0f}"]
        cells += [f"{memory['files']:.0f}", f"{one['disk_mb']:.0f}", f"{one['commit_s']:.0f}"]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Measure, write, and put the table into docs/scale.md."""
    parser = parser_of("profiles", __doc__)
    add_vectors(parser, work="collections are made here", real=7_168)
    parser.add_argument("--count", type=int, default=24_576)
    parser.add_argument("--queries", type=int, default=200)
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.count, arguments.queries = 1_200, 5
    bench = Bench("profiles", results=arguments.results)
    command = "python -m benchmarks profiles --cache CACHE --work WORK"
    command += "".join(f" --{name} {getattr(arguments, name)}" for name in ("count", "real", "queries"))
    result = bench.write(measured(arguments), command)
    print(table(result))
    if not arguments.quick:
        tables.put(PAGE, "profiles", f"{table(result)}\n\n{result.where}")


if __name__ == "__main__":
    main()
