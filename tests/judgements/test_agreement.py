"""Agreement equals published worked examples, and behaves as its definition says."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_app.judgements.agreement import cohen_kappa, krippendorff_alpha, measure_agreement

_ = np.nan
# Krippendorff (2011), Computing Krippendorff's Alpha-Reliability, University of Pennsylvania: part C, four observers.
FOUR_OBSERVERS = np.array([
    [1, 2, 3, 3, 2, 1, 4, 1, 2, _, _, _],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, _, 3],
    [_, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, _],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, _],
])  # fmt: skip
# The same paper, part A: binary data of two observers, and part B: nominal data of two observers.
MEG_AND_OWEN = np.array([[0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]], dtype=float)
BEN_AND_GERRY = ["aabbdcccedda", "babbbccceddd"]
# Fleiss, Levin & Paik (2003), Statistical Methods for Rates and Proportions, table 18.1: kappa .68.
DIAGNOSES = [[75, 1, 4], [5, 4, 1], [0, 0, 10]]
# Agresti (2002), Categorical Data Analysis, table 10.8, two pathologists on carcinoma: kappa .493.
CARCINOMA = [[22, 2, 2, 0], [5, 7, 14, 0], [0, 2, 36, 0], [0, 1, 17, 10]]
# Data `anxiety` of the R package irr, raters 1 and 2; its manual's kappa2(..., "squared") prints .297.
ANXIETY = (
    [3, 3, 3, 4, 5, 5, 2, 3, 5, 2, 2, 6, 1, 5, 2, 2, 1, 2, 4, 3],
    [3, 6, 4, 6, 2, 4, 2, 4, 3, 3, 2, 3, 3, 3, 2, 2, 1, 3, 3, 4],
)
GRADES = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=30)


def unrolled(table):
    """Both people's grades, one entry a unit, from a table of counts."""
    pairs = [(i, j) for i, row in enumerate(table) for j, count in enumerate(row) for _ in range(count)]
    return [first for first, _ in pairs], [second for _, second in pairs]


@pytest.mark.parametrize(("level", "published"), [("nominal", 0.743), ("ordinal", 0.815)])
def test_alpha_of_four_observers_with_gaps_is_the_published_one(level, published):
    assert krippendorff_alpha(FOUR_OBSERVERS, level) == pytest.approx(published, abs=5e-4)


def test_alpha_of_two_observers_is_the_published_one():
    assert krippendorff_alpha(MEG_AND_OWEN, "nominal") == pytest.approx(0.095, abs=5e-4)
    letters = np.array([[ord(letter) for letter in row] for row in BEN_AND_GERRY], dtype=float)
    assert krippendorff_alpha(letters, "nominal") == pytest.approx(0.692, abs=5e-4)


def test_kappa_is_the_published_one():
    assert cohen_kappa(*unrolled(DIAGNOSES)) == pytest.approx(0.68, abs=5e-3)
    assert cohen_kappa(*unrolled(CARCINOMA)) == pytest.approx(0.493, abs=5e-4)


def test_weighted_kappa_is_the_published_one():
    assert cohen_kappa(*ANXIETY, weighted=True) == pytest.approx(0.297, abs=5e-4)


@given(GRADES)
def test_quadratic_kappa_is_a_correlation_of_squares(pairs):
    """Fleiss & Cohen (1973): with quadratic weights kappa is 1 - mean squared difference over what chance gives."""
    first, second = np.array(pairs).T
    chance = first.var() + second.var() + (first.mean() - second.mean()) ** 2
    found = cohen_kappa(first.tolist(), second.tolist(), weighted=True)
    if chance == 0:
        assert found is None
    else:
        assert found == pytest.approx(1 - ((first - second) ** 2).mean() / chance)


@given(GRADES)
def test_alpha_ignores_who_and_what_was_graded_once(pairs):
    ratings = np.array(pairs, dtype=float).T
    alone = np.array([[0.0, np.nan], [np.nan, 2.0]])
    for level in ("nominal", "ordinal"):
        plain = krippendorff_alpha(ratings, level)
        assert krippendorff_alpha(np.hstack([ratings[::-1], alone]), level) == (
            None if plain is None else pytest.approx(plain)
        )


def test_what_is_not_defined_is_none():
    assert cohen_kappa([], []) is None
    assert cohen_kappa([1, 1], [1, 1]) is None
    assert krippendorff_alpha(np.array([[1.0, 1], [1, 1]]), "ordinal") is None
    assert krippendorff_alpha(np.array([[1.0, 2]]), "nominal") is None
    nobody = measure_agreement({})
    assert (nobody.units, nobody.alpha_nominal, nobody.pairs) == (0, None, ())


def test_people_are_compared_over_what_they_share():
    found = measure_agreement({"ann": {"a": 0, "b": 2, "c": 1}, "bob": {"a": 0, "b": 2, "d": 1}, "cat": {}})
    assert found.assessors == ("ann", "bob", "cat")
    assert found.units == 2
    assert found.alpha_nominal == found.alpha_ordinal == 1
    shared = {(pair.first, pair.second): (pair.shared, pair.same, pair.kappa) for pair in found.pairs}
    assert shared == {("ann", "bob"): (2, 1, 1), ("ann", "cat"): (0, None, None), ("bob", "cat"): (0, None, None)}
