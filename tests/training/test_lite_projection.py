"""Fewer numbers in a vector: what is kept, and that each number carries its share."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs torch: pip install -r requirements-train.txt")
pytest.importorskip("onnx", reason="training needs it: pip install -r requirements-train.txt")

from onnx import TensorProto

from search_app.encoders.lite_runtime import open_session
from search_app.training.lite.projection import Projection
from search_app.training.onnx_graph import OnnxGraph

WIDTH, INNER, DIM = 120, 30, 32


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def samples() -> list[np.ndarray]:
    """Pictures, captions and names in 30 of 120 dimensions, some of which carry far more than others, and noise."""
    random = np.random.default_rng(0)
    span = random.standard_normal((INNER, WIDTH)) * np.linspace(4, 0.5, INNER)[:, None]
    drawn = [random.standard_normal((count, INNER)) @ span for count in (900, 700, 300)]
    return [unit(rows + 0.3 * random.standard_normal(rows.shape)) for rows in drawn]


@pytest.fixture(scope="module")
def projection(samples) -> Projection:
    return Projection.fit(samples, DIM, seed=0)


def written(projection: Projection, rows: np.ndarray) -> np.ndarray:
    graph = OnnxGraph("test")
    source = graph.input("vector_before", TensorProto.FLOAT, ["n", WIDTH])
    vector = projection.write(graph, source)
    session = open_session(graph.serialise({"vector": (vector, ["n", projection.dim])}), 1)
    return session.run(["vector"], {"vector_before": rows})[0]


def test_products_of_pictures_and_sentences_stay_what_they_were(projection, samples):
    images, captions, names = (written(projection, rows) for rows in samples)
    assert images.shape == (900, DIM)
    for texts, before in ((captions, samples[1]), (names, samples[2])):
        np.testing.assert_allclose(np.linalg.norm(texts, axis=1), 1, atol=1e-5)
        assert np.abs(texts @ images.T - before @ samples[0].T).max() < 0.04
    # Any other directions of that number tell far less.
    random = np.linalg.qr(np.random.default_rng(1).standard_normal((WIDTH, DIM)))[0]
    worse = unit(samples[1] @ random) @ unit(samples[0] @ random).T
    assert np.abs(worse - samples[1] @ samples[0].T).max() > 0.3


def test_each_number_carries_as_much_as_any_other(projection, samples):
    energy = (written(projection, samples[0]) ** 2).mean(0)
    assert energy.max() < 4 * energy.min()
    directions = np.linalg.svd(samples[0], full_matrices=False)[2][:DIM].T
    alone = (unit(samples[0] @ directions) ** 2).mean(0)
    assert alone.max() > 20 * alone.min()


def test_the_same_samples_and_seed_give_the_same_matrix(projection, samples):
    again = Projection.fit(samples, DIM, seed=0)
    np.testing.assert_array_equal(again.matrix, projection.matrix)
    np.testing.assert_allclose(again.matrix.T @ again.matrix, np.eye(DIM), atol=1e-5)
