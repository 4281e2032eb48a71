"""Any set of points, any queries: the engines answer what comparing everything would."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from search_app.datatypes import FloatMatrix, Neighbours, Point, VectorQuery
from search_app.index.edge.export import Rows
from search_app.index.edge.shard import EdgeShard
from search_app.index.graph import Shape
from search_app.index.memory.store import MemoryStore
from search_app.index.payload import to_payload
from search_app.index.server.store import ServerStore
from tests.index.conftest import LOCAL_MODE_WARNINGS, SharedClient
from tests.index.points import FOLDER, SPEC, picture

NEAR = 1e-5
Search = Callable[[Sequence[VectorQuery]], list[Neighbours]]
Load = Callable[[list[Point]], Search]

# few whole numbers make many equal vectors and equal scores
vector = st.lists(st.integers(-2, 2), min_size=8, max_size=8).filter(any).map(lambda row: np.array(row, np.float32))
unit_vector = vector.map(lambda row: row / np.linalg.norm(row))
point_sets = st.dictionaries(st.integers(1, 10**12), unit_vector, max_size=40)
questions = st.lists(
    st.builds(
        VectorQuery,
        vector=unit_vector,
        limit=st.integers(0, 50),
        offset=st.integers(0, 50),
        min_score=st.none() | st.floats(-1, 1),
        exact=st.booleans(),
    ),
    max_size=4,
)


@pytest.fixture(scope="module")
def load_edge() -> Iterator[Load]:
    """Puts points into the one shard of one owner process, in place of those before."""
    shard = EdgeShard()
    with tempfile.TemporaryDirectory() as folder:
        shard.create(Path(folder) / "shard", SPEC.dim, Shape())

        def load(points: list[Point]) -> Search:
            shard.delete([known.id for known in shard.scan()])
            rows: FloatMatrix = np.array([p.vector for p in points], np.float32).reshape(-1, SPEC.dim)
            shard.upsert(
                Rows([p.id for p in points], rows, [None] * len(points), [to_payload(p.picture) for p in points])
            )
            return shard.search

        yield load
        shard.close()


def load_server(points: list[Point]) -> Search:
    client = SharedClient(":memory:")
    return load(ServerStore("memory", "images", make_client=lambda _: client), points)


def load(store: ServerStore | MemoryStore, points: list[Point]) -> Search:
    with store.writer(SPEC, FOLDER) as writer:
        writer.upsert(points)
        writer.commit()
    return store.reader().search


def agree(engine: Load, vectors: dict[int, np.ndarray], queries: list[VectorQuery]) -> None:
    points = [Point(number, row, picture(number % 1000)) for number, row in vectors.items()]
    exact = load(MemoryStore("images"), points)
    every = exact([VectorQuery(query.vector, len(points)) for query in queries])
    for query, all_scores in zip(queries, every, strict=True):
        if query.min_score is not None:
            assume(not np.any(np.abs(all_scores.scores - query.min_score) < NEAR))
    answers = engine(points)(queries)
    for answer, right, all_scores in zip(answers, exact(queries), every, strict=True):
        np.testing.assert_allclose(answer.scores, right.scores, atol=NEAR)
        assert len(set(answer.ids.tolist())) == len(answer.ids)
        score_of = dict(zip(all_scores.ids.tolist(), all_scores.scores.tolist(), strict=True))
        np.testing.assert_allclose([score_of[number] for number in answer.ids.tolist()], answer.scores, atol=NEAR)
        descending = list(zip((-answer.scores).tolist(), answer.ids.tolist(), strict=True))
        assert descending == sorted(descending)


relaxed = settings(
    max_examples=40, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@relaxed
@given(vectors=point_sets, queries=questions)
def test_edge_agrees_with_the_oracle(
    load_edge: Load, vectors: dict[int, np.ndarray], queries: list[VectorQuery]
) -> None:
    agree(load_edge, vectors, queries)


@pytest.mark.filterwarnings(*(mark.args[0] for mark in LOCAL_MODE_WARNINGS))
@relaxed
@given(vectors=point_sets, queries=questions)
def test_a_server_agrees_with_the_oracle(vectors: dict[int, np.ndarray], queries: list[VectorQuery]) -> None:
    agree(load_server, vectors, queries)
