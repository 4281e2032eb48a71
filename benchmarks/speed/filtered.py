"""Searches held to some of the pictures, however few: what they find against exact search, and how long they take.

The collection is one of the product's own. Pictures pass by chance, or because they are near to what is asked, or far
from it. A second table says what the indexes of fields are worth; it stands in docs/filters.md.
"""

import argparse
import itertools
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from benchmarks import tables
from benchmarks.speed.exact import neighbours
from benchmarks.speed.growth import Stream
from benchmarks.speed.made_up import picture
from benchmarks.speed.options import add_vectors, parser_of
from benchmarks.speed.pairs import Timed, each_call
from benchmarks.speed.results import Bench, Result, note
from benchmarks.speed.vectors import Cache
from search_app.datatypes import Condition, EncoderSpec, FloatMatrix, MetaValue, Picture, Point, VectorQuery
from search_app.index.base import IndexReader
from search_app.index.edge import work as edge_work
from search_app.index.edge.shard import INDEX_FROM
from search_app.index.edge.store import EdgeStore

PAGE = Path(__file__).parents[2] / "docs" / "filters.md"
SHARES = (0.0001, 0.001, 0.01, 0.03, 0.1, 0.3, 0.5, 0.9)
_DEPTH = 256
_SHOPS = 500


@dataclass(frozen=True)
class Collection:
    """Vectors, and two numbers of each picture: one by chance, one that grows with its score in a question's terms."""

    rows: FloatMatrix
    chance: NDArray[np.float64]
    near: NDArray[np.float64]

    @classmethod
    def of(cls, rows: FloatMatrix, question: NDArray[np.float32]) -> "Collection":
        """`near` is a picture's rank among all by its score for `question`, 0 to 1."""
        near = np.empty(len(rows))
        near[np.argsort(rows @ question)] = np.arange(len(rows)) / len(rows)
        return cls(rows, np.random.default_rng(1).random(len(rows)), near)

    def points(self, numbers: range) -> list[Point]:
        """Points with ids from 1 on."""
        return [Point(number + 1, self.rows[number], self._picture(number)) for number in numbers]

    def _picture(self, number: int) -> Picture:
        shop = f"shop {int(_SHOPS * self.chance[number] ** 2)}"
        chance, near = float(self.chance[number]), float(self.near[number])
        meta: dict[str, MetaValue] = {"chance": chance, "near": near, "shop": shop}
        return replace(picture(number + 1), meta=meta)

    def held(self, share: float) -> Iterator[tuple[str, Condition, NDArray[np.bool_]]]:
        """Ways to let a share of the pictures pass, and which these are."""
        yield "by chance", Condition("meta.chance", lt=share), self.chance < share
        yield "near to the question", Condition("meta.near", gte=1 - share), self.near >= 1 - share
        yield "far from the question", Condition("meta.near", lt=share), self.near < share


def stored(folder: Path, collection: Collection, *, indexed: bool) -> EdgeStore:
    """The collection in a new folder; its fields are indexed or not."""
    shutil.rmtree(folder, ignore_errors=True)
    store = EdgeStore(folder, "filtered")
    count, dim = collection.rows.shape
    with (
        patch.object(edge_work, "INDEX_FROM", INDEX_FROM if indexed else 10**9),
        store.writer(EncoderSpec("made-up", dim, "0" * 32, (1, 1)), "pictures") as writer,
    ):
        for first in range(0, count, 1_000):
            writer.upsert(collection.points(range(first, min(first + 1_000, count))))
        writer.commit()
    return store


def swept(reader: IndexReader, collection: Collection, queries: FloatMatrix) -> list[dict[str, Any]]:
    """Recall and time for every share and way."""
    told = []
    for share in SHARES:
        for way, condition, passing in collection.held(share):
            if passing.any():
                told.append({"share": share, "way": way} | _searched(reader, collection, queries, condition, passing))
                note(str(told[-1]))
    return told


def _searched(
    reader: IndexReader,
    collection: Collection,
    queries: FloatMatrix,
    condition: Condition,
    passing: NDArray[np.bool_],
) -> dict[str, Any]:
    ids = np.flatnonzero(passing)
    best = ids[neighbours(queries, collection.rows[ids], min(10, len(ids)))[0]] + 1
    answers = [reader.search([VectorQuery(query, _DEPTH, where=(condition,))])[0] for query in queries]
    right = sum(len({*found.ids[:10].tolist()} & {*true.tolist()}) for found, true in zip(answers, best, strict=True))
    calls = [partial(reader.search, [VectorQuery(query, _DEPTH, where=(condition,))]) for query in queries]
    return {
        "passing": len(ids),
        "recall": round(right / best.size, 4),
        "took": each_call({"search": calls})["search"].milliseconds(),
    }


def fields(readers: Mapping[str, IndexReader], queries: FloatMatrix) -> dict[str, dict[str, float]]:
    """Milliseconds of searches and counts, with indexes and without."""
    colour = (Condition("colour", any_of=("red",)),)
    folder = (Condition("folder", any_of=("07",)), Condition("meta.chance", gte=0.2, lt=0.7))

    def search(reader: IndexReader, where: tuple[Condition, ...], number: int) -> Callable[[], object]:
        return partial(reader.search, [VectorQuery(queries[number % len(queries)], 10, where=where)])

    def count(reader: IndexReader, field: str, _: int) -> Callable[[], object]:
        return partial(reader.facet, field)

    asked: dict[str, Callable[[IndexReader, int], Callable[[], object]]] = {
        "search, one colour": lambda reader, number: search(reader, colour, number),
        "search, a folder and a range of a metadata number": lambda reader, number: search(reader, folder, number),
        "counts by colour": lambda reader, number: count(reader, "colour", number),
        f"counts by a metadata field of {_SHOPS} values": lambda reader, number: count(reader, "meta.shop", number),
    }
    told = {}
    for name, call in asked.items():
        turns = range(-1, 10)  # the first is not counted
        took = each_call({kind: [call(reader, turn) for turn in turns] for kind, reader in readers.items()})
        told[name] = {kind: round(1000 * Timed(one.seconds[1:]).median, 1) for kind, one in took.items()}
    return told


def table(result: Result) -> str:
    """Markdown: a share a line."""
    ways = [*dict.fromkeys(one["way"] for one in reversed(result.figures["sweep"]))][::-1]
    head = [f"pictures that pass, of {result.figures['count']:,}"]
    head += [f"{way}: recall@10, p50 / p99 ms" for way in ways]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for share, group in itertools.groupby(result.figures["sweep"], lambda one: one["share"]):
        by_way = {one["way"]: one for one in group}
        cells = [
            f"{by_way[way]['recall']:.3f}, {by_way[way]['took']['p50']:.1f} / {_late(by_way[way]['took']):.1f}"
            if way in by_way
            else ""
            for way in ways
        ]
        lines.append(f"| {100 * share:g} % | {' | '.join(cells)} |")
    return "\n".join(lines)


def _late(took: dict[str, float]) -> float:
    return took.get("p99", took["high"])


def fields_table(result: Result) -> str:
    """Markdown, for docs/filters.md: milliseconds with indexes and without."""
    figures = result.figures
    lines = [f"| {figures['few']:,} vectors of {figures['dim']} dimensions | with indexes | without |", "|---|---|---|"]
    for name, took in figures["fields"].items():
        lines.append(f"| {name} | {took['indexed']:g} ms | {took['plain']:g} ms |")
    return "\n".join([*lines, "", result.where])


def measured(arguments: argparse.Namespace) -> dict[str, Any]:
    """Both tables' figures."""
    cache = Cache(arguments.cache)
    rows = np.concatenate([rows for _, rows in Stream.of(cache.real(arguments.real)).between(0, arguments.count)])
    said = cache.sentences()
    queries = said[np.argsort(-(said @ said[0]))[: arguments.queries]]
    whole = Collection.of(rows, said[0])
    reader = stored(arguments.work / "whole", whole, indexed=True).reader()
    try:
        sweep = swept(reader, whole, queries)
    finally:
        reader.close()
    few = Collection.of(rows[: arguments.few], said[0])
    readers = {
        kind: stored(arguments.work / kind, few, indexed=kind == "indexed").reader() for kind in ("indexed", "plain")
    }
    try:
        told = fields(readers, queries)
    finally:
        for one in readers.values():
            one.close()
    return {"count": len(rows), "few": len(few.rows), "dim": int(rows.shape[1]), "sweep": sweep, "fields": told}


def main() -> None:
    """Measure, write, and put the second table into docs/filters.md."""
    parser = parser_of("filtered", __doc__)
    add_vectors(parser, work="collections are made here")
    parser.add_argument("--count", type=int, default=24_576)
    parser.add_argument("--few", type=int, default=8_192, help="pictures of the second table")
    parser.add_argument("--queries", type=int, default=60)
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.count, arguments.few, arguments.queries = 1_500, 1_100, 5
    bench = Bench("filtered", results=arguments.results)
    command = "python -m benchmarks filtered --cache CACHE --work WORK"
    command += "".join(f" --{name} {getattr(arguments, name)}" for name in ("count", "few", "real", "queries"))
    result = bench.write(measured(arguments), command)
    print(table(result))
    if not arguments.quick:
        tables.put(PAGE, "fields", fields_table(result))


if __name__ == "__main__":
    main()
