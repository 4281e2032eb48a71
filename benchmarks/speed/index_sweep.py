"""Settings of the graph and of quantisation: what they find, and what they take in time, memory and on the disk."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from benchmarks.speed.graphs import DEPTH, Asking, Graphs, Shape
from benchmarks.speed.options import add_vectors, parser_of
from benchmarks.speed.results import Bench, Result, note
from benchmarks.speed.synthetic import Synthetic
from benchmarks.speed.vectors import Cache
from search_app.datatypes import FloatMatrix

SHAPES = (
    Shape("none", graph=False),
    Shape("none-int8", quantised="int8", graph=False),
    Shape("m16"),
    Shape("m16-int8", quantised="int8"),
    Shape("m32-int8", m=32, ef_construct=200, quantised="int8"),
    Shape("m48-int8", m=48, ef_construct=300, quantised="int8"),
    Shape("m32-int8-float16", m=32, ef_construct=200, quantised="int8", stored="Float16"),
    Shape("m32-turbo4", m=32, ef_construct=200, quantised="turbo4"),
    Shape("m32-binary", m=32, ef_construct=200, quantised="binary"),
)
EFS = (DEPTH, 512, 768, 1_024)
QUICK = (SHAPES[0], SHAPES[2])


def collection(cache: Cache, real: int, count: int) -> FloatMatrix:
    """At most `real` real vectors, then synthetic ones around them."""
    rows = cache.real(min(real, count))
    return np.concatenate([rows, Synthetic.around(rows).rows(count - len(rows))]) if len(rows) < count else rows


def askings(shape: Shape) -> Iterator[Asking]:
    """Ways to ask a shard of a shape: for ten pictures, and for as many as a page of answers asks for."""
    exact = not shape.graph and not shape.quantised
    efs = EFS if shape.graph else (0,)
    yield Asking(efs[0], 3.0 if shape.quantised else 0.0, exact=exact)
    for ef in efs:
        yield Asking(ef, 1.0 if shape.quantised else 0.0, exact=exact, limit=DEPTH)


def sweep(graphs: Graphs, shapes: Sequence[Shape]) -> list[dict[str, Any]]:
    """Every shape, built where it is missing, asked in every way."""
    told = []
    for shape in shapes:
        told.append(graphs.measured(shape, [*askings(shape)]))
        note(f"{shape.name}: {told[-1]}")
    return told


def table(result: Result) -> str:
    """Markdown: a way of asking a line."""
    figures = result.figures
    columns = (
        *(f"{figures['count']:,} vectors of {figures['dim']}", "asked", "recall@10: sentences", "pictures"),
        *("p50 ms", "p99 ms", "graph s, two cores", "disk MB", "memory MB: own", "of files"),
    )
    lines = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    for shape in figures["shapes"]:
        built = f"{shape['optimize_cpu_s'] / 2:.0f} | {shape['disk_mb']:.0f} | "
        built += f"{shape['memory_mb']['own']:.0f} | {shape['memory_mb']['files']:.0f}"
        for asked in shape["asked"]:
            said, seen, way = asked["sentences"], asked["pictures"], asked["asking"]
            lines.append(
                f"| {shape['shape']['name']} | {_way(way)} | {said['recall']:.3f} | {seen['recall']:.3f} "
                f"| {said['p50_ms']:.2f} | {said['p99_ms']:.2f} | {built} |"
            )
    return "\n".join(lines)


def _way(way: dict[str, Any]) -> str:
    parts = ["exact"] if way["exact"] else [f"ef {way['ef']}"]
    parts += [f"oversampling {way['oversampling']:g}"] if way["oversampling"] else []
    parts += [f"limit {way['limit']}"] if way["limit"] != 10 else []
    return ", ".join(parts)


def main() -> None:
    """Sweep and write."""
    parser = parser_of("index_sweep", __doc__)
    add_vectors(parser, work="shards are built here and asked again where they are")
    parser.add_argument("--count", type=int, default=65_536)
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--only", nargs="*", default=[], metavar="NAME", help=", ".join(one.name for one in SHAPES))
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.count, arguments.queries = 1_024, 20
    cache, bench = Cache(arguments.cache), Bench("index_sweep", results=arguments.results)
    rows = collection(cache, arguments.real, arguments.count + arguments.queries)
    asked = {"sentences": cache.sentences(arguments.queries), "pictures": rows[-arguments.queries :]}
    graphs = Graphs(arguments.work, rows[: -arguments.queries], asked)
    shapes = QUICK if arguments.quick else [one for one in SHAPES if one.name in arguments.only or not arguments.only]
    figures = {
        "count": arguments.count,
        "real": len(cache.real(min(arguments.real, arguments.count))),
        "dim": int(rows.shape[1]),
        "shapes": sweep(graphs, shapes),
    }
    command = "python -m benchmarks index_sweep --cache CACHE --work WORK"
    command += "".join(f" {word}" for word in ("--only", *arguments.only)) if arguments.only else ""
    print(table(bench.write(figures, f"{command} --count {arguments.count} --real {arguments.real}")))


if __name__ == "__main__":
    main()
