"""The pure parts of an order: evidence, relevance, and how filters are spelt."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_app.datatypes import Condition
from search_app.errors import BadRequest
from search_app.search.background import Background
from search_app.search.filters import filter_of_object, filter_of_text
from search_app.search.fusion import WEIGHTS, chance, dense_evidence, form_evidence
from search_app.search.ranked import unknown_share
from search_app.search.relevance import CALIBRATIONS, LINE, Signs, calibration

finite = st.floats(-20, 20, allow_nan=False)
signs = st.builds(Signs, st.floats(0, 1), st.floats(-1, 1), st.floats(-1, 1))


@given(st.lists(finite, min_size=1), st.integers(1, 10**9))
def test_evidence_grows_with_standing_and_is_never_negative(values: list[float], count: int) -> None:
    says = dense_evidence(np.sort(np.array(values)), WEIGHTS.image, count)
    assert (says >= 0).all()
    assert (np.diff(says) >= 0).all()


def test_what_a_channel_lacks_it_is_silent_about() -> None:
    says = dense_evidence(np.array([np.nan, 5.0]), WEIGHTS.meaning, 100)
    assert says[0] == 0
    assert says[1] > 1
    assert form_evidence(np.array([0.0]))[0] == 0


def test_the_best_of_many_must_stand_out_further() -> None:
    """The best of N normal numbers, drawn; the bound of the fusion follows it within a fifth."""
    random = np.random.default_rng(0)
    for count in (100, 1_000, 10_000):
        best = np.mean([random.normal(size=count).max() for _ in range(50)])
        assert 1 < chance(count) / best < 1.3
    few, many = (dense_evidence(np.array([4.0]), WEIGHTS.image, count)[0] for count in (100, 1_000_000))
    assert many < few


@given(st.lists(st.floats(0, 60), min_size=1), signs, st.sampled_from(list(CALIBRATIONS)))
def test_relevance_keeps_the_order_and_its_range(values: list[float], met: Signs, kind: str) -> None:
    evidence = np.sort(np.array(values))[::-1]
    relevance = CALIBRATIONS[kind].relevance(evidence, float(evidence[0]), met)
    assert ((relevance >= 0) & (relevance <= 1)).all()
    assert (np.diff(relevance) <= 0).all()


def test_words_that_nobody_prints_speak_against_an_answer() -> None:
    found = CALIBRATIONS["fused"]
    known, unknown = (found.relevance(np.array([6.0]), 6.0, Signs(share, 0.4, 0.3))[0] for share in (0.0, 1.0))
    assert unknown < known


def test_a_word_is_known_where_its_singular_or_plural_is_printed() -> None:
    frequencies = {"car": 3, "glass": 1}
    vectors = {"image": np.zeros((9, 2), np.float32), "meaning": np.zeros((9, 2), np.float32)}
    sample = Background(1, 9, vectors, frequencies, documents=9, sampled=9)
    assert unknown_share("cars", sample) == unknown_share("car", sample) == 0.0
    assert unknown_share("Glasses", sample) == 0.0
    assert unknown_share("giraffes", sample) == 1.0
    assert 0 < unknown_share("giraffe car", sample) < 1
    assert unknown_share("what is the car for?", sample) == 0.0, "function words tell nothing"
    assert unknown_share("what is", sample) == 1.0, "unless there is nothing else"


def test_the_cosine_of_a_picture_is_a_sign_for_lite_alone() -> None:
    for model, equal in (("lite", False), ("lite+ads", False), ("ViT-B-32/openai", True), ("lighter", True)):
        low, high = (
            calibration("fused", model).relevance(np.array([6.0]), 6.0, Signs(0.5, 0.3, cosine))[0]
            for cosine in (0.1, 0.6)
        )
        assert (low == high) == equal, model


def test_where_few_pictures_print_anything_silent_print_is_no_sign() -> None:
    """A folder of photographs with some posters among them: "dog" is printed nowhere and may be seen anywhere."""
    found = CALIBRATIONS["fused"]
    posters, photographs = (
        found.relevance(np.array([6.0]), 6.0, Signs(1.0, 0.1, 0.3, printed))[0] for printed in (1.0, 0.15)
    )
    assert posters < LINE < photographs
    only = CALIBRATIONS["only"]
    assert only.relevance(np.array([6.0]), 6.0, Signs(1.0, 0.1, 0.3, 0.15))[0] < LINE, "of print alone it is one"


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("colour:red", Condition("colour", ("red",))),
        ("colour:red, blue", Condition("colour", ("red", "blue"))),
        ("colour=red", Condition("colour", ("red",))),
        ("width>=800", Condition("width", gte="800")),
        ("width > 800", Condition("width", gt="800")),
        ("bytes<1e6", Condition("bytes", lt="1e6")),
        ("date<=2024-05", Condition("date", lte="2024-05")),
        ("-format:GIF", Condition("format", ("GIF",), excluded=True)),
        ("meta.topic:beauty", Condition("meta.topic", ("beauty",))),
        ("folder:cars/old", Condition("folder", ("cars/old",))),
    ],
)
def test_a_filter_in_a_url(text: str, condition: Condition) -> None:
    assert filter_of_text(text) == condition


@pytest.mark.parametrize("text", ["", "colour", ":red", "colour:", "  ", "!:x", "-", "5>width"])
def test_what_is_no_filter_is_told(text: str) -> None:
    with pytest.raises(BadRequest, match="is no filter: write field:value") as caught:
        filter_of_text(text)
    assert caught.value.parameter == "filter"


def test_a_filter_in_json() -> None:
    given = {"colour": "red", "format": ["PNG", "WEBP"], "width": {"gte": 800, "lt": 1000}, "not": {"folder": "old"}}
    assert filter_of_object(given) == (
        Condition("colour", ("red",)),
        Condition("format", ("PNG", "WEBP")),
        Condition("width", gte=800, lt=1000),
        Condition("folder", ("old",), excluded=True),
    )
    for wrong in ({"not": "red"}, {"width": {"min": 3}}, {"width": {}}):
        with pytest.raises(BadRequest):
            filter_of_object(wrong)
