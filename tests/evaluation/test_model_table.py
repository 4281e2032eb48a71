"""Models beside each other: what they cost and the Pareto front, which is what its definition says."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from search_app.evaluation.cost import EncoderCost, encoder_cost
from search_app.evaluation.model_table import ModelRow, model_table, pareto_front
from search_app.evaluation.report import Estimate
from search_app.settings import load_settings
from search_app.wiring import open_encoder

Q = "categories nDCG@10"


def row(quality, image=1.0, text=1.0, memory: float | None = 100.0):
    return ModelRow({Q: Estimate(quality, quality, quality)}, EncoderCost(text, image, 512), 10.0, memory)


SMALL = st.integers(0, 3).map(float)


@given(st.lists(st.tuples(SMALL, SMALL, SMALL, SMALL), min_size=1, max_size=6))
def test_a_model_is_on_the_front_unless_another_is_as_good_in_all_and_better_in_one(values):
    rows = {f"m{place}": row(*each) for place, each in enumerate(values)}

    def beaten(own):
        return any(
            other[0] >= own[0] and all(a <= b for a, b in zip(other[1:], own[1:], strict=True)) and other != own
            for other in values
        )

    assert pareto_front(rows, Q) == [f"m{place}" for place, own in enumerate(values) if not beaten(own)]


def test_memory_counts_only_where_all_have_it():
    assert pareto_front({"a": row(0.5, memory=50), "b": row(0.5, memory=100)}, Q) == ["a"]
    assert pareto_front({"a": row(0.5, memory=None), "b": row(0.5, memory=100)}, Q) == ["a", "b"]


def test_the_table_is_best_first_and_says_why_others_are_missing():
    rows = {"small": row(0.3, image=1), "large": row(0.6, image=9, memory=900), "poor": row(0.2, image=9, memory=None)}
    table = model_table(rows, Q, {"gone/model": "the weights cannot be had"})
    assert [(line[0], line[-1]) for line in table.rows] == [("large", "+"), ("small", "+"), ("poor", "")]
    assert "Not measured: gone/model: the weights cannot be had" in table.note
    assert table.rows[2][5] == "-"


def test_the_cost_is_that_of_the_encoder():
    encoder = open_encoder(load_settings(model="stub"))
    cost = encoder_cost(encoder, ["a red car", "a dog"])
    assert cost.dim == encoder.spec.dim
    assert np.isfinite([cost.text_ms, cost.image_ms]).all()
    assert min(cost.text_ms, cost.image_ms) > 0


def test_a_slower_encoder_costs_more():
    import time

    class Slow:
        def __init__(self, encoder, seconds):
            self._encoder, self._seconds, self.spec = encoder, seconds, encoder.spec

        def encode_texts(self, texts):
            time.sleep(self._seconds)
            return self._encoder.encode_texts(texts)

        def encode_images(self, pixels):
            time.sleep(self._seconds)
            return self._encoder.encode_images(pixels)

    encoder = open_encoder(load_settings(model="stub"))
    slow = encoder_cost(Slow(encoder, 0.02), ["a"])
    assert slow.text_ms >= 20
    assert slow.image_ms >= 20 / 32
