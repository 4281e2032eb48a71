"""The query bank: what a picture gets from any query is taken away, as a part of its vector."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs torch: pip install -r requirements-train.txt")
pytest.importorskip("onnx", reason="training needs it: pip install -r requirements-train.txt")

import torch
from onnx import TensorProto
from torch.nn.functional import normalize

from search_app.encoders.lite_runtime import open_session
from search_app.training.lite.querybank import REACH, Querybank
from search_app.training.onnx_graph import OnnxGraph

DIM = 24


def rows(count: int, seed: int) -> torch.Tensor:
    return normalize(torch.randn(count, DIM, generator=torch.Generator().manual_seed(seed)), dim=1)


@pytest.fixture(scope="module")
def queries() -> torch.Tensor:
    return normalize(rows(300, 0) + 0.35 * torch.eye(DIM)[0], dim=1)


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    """The last one lies in the middle of all queries."""
    return torch.cat([rows(40, 1), torch.eye(DIM)[:1]])


@pytest.fixture(scope="module")
def bank(queries, images) -> Querybank:
    return Querybank.fit(queries, images, sharpness=20.0, rank=DIM)


def written(bank: Querybank, vectors: torch.Tensor, side: str) -> np.ndarray:
    graph = OnnxGraph("test")
    source = graph.input("heads", TensorProto.FLOAT, ["n", DIM])
    output = getattr(bank, f"write_{side}")(graph, source)
    session = open_session(graph.serialise({"vector": (output, ["n", DIM + 2])}), 1)
    return session.run(["vector"], {"heads": vectors.numpy()})[0]


def test_the_level_is_the_logarithm_of_the_mean_exponential_score(bank, queries, images):
    wanted = np.log(np.exp(20.0 * (images @ queries.T).numpy().astype(np.float64)).mean(1)) / 20
    np.testing.assert_allclose(bank.level(images).numpy(), wanted, atol=1e-4)
    assert bank.level(images).argmax() == len(images) - 1
    assert bank.centre == pytest.approx(wanted.mean(), abs=1e-4)


def test_written_rows_are_unit_and_their_products_are_scores_less_the_level(bank, queries, images):
    image_rows, text_rows = written(bank, images, "image"), written(bank, queries, "text")
    for vectors in (image_rows, text_rows):
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    lost = (bank.level(images) - bank.centre).clamp(-REACH, REACH)
    wanted = ((queries @ images.T - lost) / (1 + REACH)).numpy()
    np.testing.assert_allclose(text_rows @ image_rows.T, wanted, atol=2e-3)


def test_a_picture_that_is_near_to_everything_wins_less_often(bank, images):
    fresh = normalize(rows(500, 7) + 0.35 * torch.eye(DIM)[0], dim=1)
    before = (fresh @ images.T).numpy().argmax(1)
    after = (written(bank, fresh, "text") @ written(bank, images, "image").T).argmax(1)
    hub = len(images) - 1
    assert (after == hub).mean() < 0.5 * (before == hub).mean()
    assert (before == hub).mean() > 0.2


def test_fewer_directions_tell_nearly_the_same(queries, images):
    flat = torch.cat([queries[:, : DIM // 2], torch.zeros(len(queries), DIM // 2)], 1)
    flat = normalize(flat, dim=1)
    whole, half = (Querybank.fit(flat, images, 20.0, rank) for rank in (DIM, DIM // 2))
    assert half.codes.shape == (300, DIM // 2)
    np.testing.assert_allclose(half.level(images).numpy(), whole.level(images).numpy(), atol=1e-5)


def test_a_level_beyond_the_bounds_gives_finite_unit_rows(queries):
    bank = Querybank.fit(queries, -queries, sharpness=20.0, rank=DIM)
    vectors = written(bank, torch.cat([queries[:20], -queries[:20]]), "image")
    assert np.isfinite(vectors).all()
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
