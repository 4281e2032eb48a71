"""Filters and counts: every engine finds what plain comparisons over the payload find."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from search_app.datatypes import (
    COLOURS,
    Condition,
    Neighbours,
    Picture,
    VectorQuery,
)
from search_app.index.conditions import FORMATS, ORIENTATIONS
from search_app.index.edge.export import Rows
from search_app.index.edge.shard import EdgeShard
from search_app.index.fields import COUNTED
from search_app.index.graph import Shape
from search_app.index.memory.store import MemoryStore
from search_app.index.payload import to_payload, words_to_payload
from search_app.index.server.store import ServerStore
from search_app.index.validate import check_facet
from tests.index.conftest import LOCAL_MODE_WARNINGS, SharedClient
from tests.index.points import DIM, ids_of, unit
from tests.index.worlds import NOTHING_READ, READ, World, into


class Index(Protocol):
    def search(self, queries: Sequence[VectorQuery]) -> list[Neighbours]: ...

    def facet(self, field: str, *, where: Sequence[Condition], among: Sequence[int] | None, limit: int) -> object: ...


meta_texts = st.sampled_from(["", "a", "A", "b;c", "5", "true", "ü", "2024-05-31", "2024-05-31T12:00:00+02:00", "2024"])
meta_values = (
    meta_texts
    | st.integers(-3, 6)
    | st.sampled_from([2.5, 5.0, -0.5, 1e300])
    | st.booleans()
    | st.lists(meta_texts, max_size=3).map(tuple)
)
dates = st.sampled_from(
    ["2024", "2024-05", "2024-05-31", "2023-12-31T23:59:59Z", "2024-05-31T12:00", "1970-01-01", "9999", "0001-01-01"]
)
pictures = st.builds(
    Picture,
    path=st.sampled_from(["top.jpg", "a/1.jpg", "a/b/2.jpg", "a/bc/2.jpg", "ü b/c.d/3.png"]),
    content_hash=st.just("0" * 32),
    size_bytes=st.sampled_from([0, 10, 2**40]),
    mtime_ns=st.sampled_from([0, 10**18, 1717113600 * 10**9, -(10**9), 2**62]),
    width=st.integers(1, 3),
    height=st.integers(1, 3),
    format=st.sampled_from(FORMATS[:3]),
    phash=st.just("0" * 16),
    colours=st.lists(st.sampled_from(COLOURS[:4]), unique=True, max_size=3).map(tuple),
    taken=st.sampled_from(["", "2024-05-31T12:00:00", "2023-12-31T23:59:59+01:00"]),
    copy_of=st.integers(0, 2),
    meta=st.dictionaries(st.sampled_from(["price", "0a_B", "when"]), meta_values, max_size=3),
)
worlds = st.builds(
    World,
    pictures=st.dictionaries(st.integers(1, 9), pictures, max_size=9),
    words=st.dictionaries(st.integers(1, 9), st.sampled_from([READ, NOTHING_READ])),
)


def bounded(field: str, bounds: st.SearchStrategy) -> st.SearchStrategy[Condition]:
    given_bounds = st.dictionaries(st.sampled_from(["gte", "gt", "lte", "lt"]), bounds, min_size=1)
    return st.builds(
        lambda values, ends, excluded: Condition(field, tuple(values), **ends, excluded=excluded),
        st.lists(bounds, max_size=2),
        given_bounds,
        st.booleans(),
    )


def one_of(field: str, *values: object) -> st.SearchStrategy[Condition]:
    some = st.lists(st.sampled_from(values), min_size=1, max_size=3).map(tuple)
    return st.builds(Condition, field=st.just(field), any_of=some, excluded=st.booleans())


small = st.sampled_from([0, 1, 2, 3, 2.5, "2", 4])
conditions = st.one_of(
    one_of("folder", "", "a", "a/b/", "a/b", "ü b", "ü b/c.d", "none"),
    one_of("path", "top.jpg", "a/1.jpg", "none"),
    one_of("format", "JPEG", "jpg", "png", "AVIF"),
    one_of("orientation", *ORIENTATIONS),
    one_of("colour", "black", "Grey", "gray", "red", "white", "brown"),
    one_of("words", "yes", "no", True),
    one_of("copy_of", 0, 1, "2"),
    one_of("date", "2024", "2024-05", "2024-05-31", "2024-05-31T12:00:00Z", "1970", "2116"),
    *(bounded(field, small) for field in ("width", "height", "pixels", "bytes", "copy_of")),
    bounded("date", dates),
    *(one_of(f"meta.{name}", "", "a", "5", 5, 5.0, 2.5, True, "b;c", "2024-05-31") for name in ("price", "0a_B", "no")),
    bounded("meta.price", st.sampled_from([-1, 0, 2.5, 5, "5"])),
    bounded("meta.when", dates.filter(lambda text: "-" in text)),
)
filters = st.lists(conditions, max_size=3).map(tuple)
amongs = st.none() | st.lists(st.integers(1, 9), unique=True, max_size=9).map(tuple)


@dataclass(frozen=True)
class EdgeIndex:
    """One shard in one owner process, filled anew for each example."""

    shard: EdgeShard
    indexed: bool

    def fill(self, world: World) -> Index:
        self.shard.delete([known.id for known in self.shard.scan()])
        rows = np.array([unit(number) for number in world.pictures], np.float32).reshape(-1, DIM)
        words = {number: words_to_payload(one, "words") for number, one in world.words.items()}
        payloads = [to_payload(one) | words.get(number, {}) for number, one in world.pictures.items()]
        self.shard.upsert(Rows([*world.pictures], rows, [None] * len(rows), payloads))
        if self.indexed:
            self.shard.index_fields(0)
        return self

    def search(self, queries: Sequence[VectorQuery]) -> list[Neighbours]:
        return self.shard.search(queries)

    def facet(self, field: str, *, where: Sequence[Condition], among: Sequence[int] | None, limit: int) -> object:
        return self.shard.facet(*check_facet(field, where, among, limit), limit)


@pytest.fixture(scope="module", params=["looked at", "indexed"])
def edge(request: pytest.FixtureRequest) -> Iterator[EdgeIndex]:
    shard = EdgeShard()
    with tempfile.TemporaryDirectory() as folder:
        shard.create(Path(folder) / "shard", DIM, Shape())
        yield EdgeIndex(shard, request.param == "indexed")
        shard.close()


def agree(
    fill: Callable[[World], Index], world: World, where: tuple[Condition, ...], among: tuple[int, ...] | None
) -> None:
    oracle, index = into(MemoryStore("images"), world), fill(world)
    asked = [VectorQuery(unit(n), 20, 1, exact=n == 50, among=among, where=where) for n in (50, 51)]
    for answer, right in zip(index.search(asked), oracle.search(asked), strict=True):
        assert ids_of(answer) == ids_of(right)
        np.testing.assert_allclose(answer.scores, right.scores, atol=1e-5)
    for field in (*COUNTED, "meta.price", "meta.0a_B", "meta.no"):
        for limit in (1, 2, 50):
            right = oracle.facet(field, where=where, among=among, limit=limit)
            assert index.facet(field, where=where, among=among, limit=limit) == right, (field, limit)


many = settings(
    max_examples=60, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@many
@given(world=worlds, where=filters, among=amongs)
def test_edge_agrees_with_the_oracle(
    edge: EdgeIndex, world: World, where: tuple[Condition, ...], among: tuple[int, ...] | None
) -> None:
    agree(edge.fill, world, where, among)


@pytest.mark.filterwarnings(*(mark.args[0] for mark in LOCAL_MODE_WARNINGS))
@many
@given(world=worlds, where=filters, among=amongs)
def test_a_server_agrees_with_the_oracle(
    world: World, where: tuple[Condition, ...], among: tuple[int, ...] | None
) -> None:
    client = SharedClient(":memory:")
    agree(lambda made: into(ServerStore("memory", "images", make_client=lambda _: client), made), world, where, among)
