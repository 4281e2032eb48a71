"""Intervals and tests: seeded, of the right size, and right on average."""

from itertools import product

import numpy as np
import pytest

from search_app.evaluation.statistics import bootstrap_interval, randomisation_test


def test_the_interval_agrees_with_resampling_spelled_out():
    values = np.random.default_rng(7).random((60, 2))
    low, high = bootstrap_interval(values, resamples=20_000)
    random = np.random.default_rng(8)
    means = np.array([values[random.integers(0, 60, 60)].mean(axis=0) for _ in range(20_000)])
    np.testing.assert_allclose([low, high], np.quantile(means, [0.025, 0.975], axis=0), atol=0.004)


def test_about_nineteen_of_twenty_intervals_hold_the_true_mean():
    samples = np.random.default_rng(1).random((100, 400))  # 400 experiments of 100 queries, true mean 1/2
    low, high = bootstrap_interval(samples)
    assert 0.91 < np.mean((low <= 0.5) & (high >= 0.5)) < 0.98


def test_the_interval_holds_the_mean_narrows_with_its_level_and_repeats_with_its_seed():
    values = np.random.default_rng(3).random((40, 3))
    low, high = bootstrap_interval(values)
    inner_low, inner_high = bootstrap_interval(values, level=0.5)
    assert np.all((low < inner_low) & (inner_low < values.mean(axis=0)))
    assert np.all((high > inner_high) & (inner_high > values.mean(axis=0)))
    np.testing.assert_array_equal(bootstrap_interval(values), (low, high))
    assert not np.array_equal(bootstrap_interval(values, seed=1), (low, high))


def test_one_query_gives_an_interval_of_no_width_and_none_is_refused():
    low, high = bootstrap_interval(np.array([[0.25]]))
    assert (low, high) == (0.25, 0.25)
    with pytest.raises(ValueError, match="no queries"):
        bootstrap_interval(np.empty((0, 1)))


def test_the_randomisation_test_agrees_with_all_swaps_enumerated():
    first, second = np.random.default_rng(5).random((2, 10))
    differences = first - second
    swaps = np.array(list(product([1, -1], repeat=10))) @ differences
    exact = np.mean(np.abs(swaps) >= abs(differences.sum()) - 1e-12)
    assert randomisation_test(first, second, resamples=50_000) == pytest.approx(exact, abs=0.01)


def test_runs_that_never_differ_are_not_different_and_clear_ones_are():
    values = np.random.default_rng(6).random(50)
    assert randomisation_test(values, values) == 1.0
    assert randomisation_test(values + 0.2, values) < 0.001
    assert randomisation_test(values, values + 0.2) == randomisation_test(values + 0.2, values)


def test_a_paired_test_needs_the_same_queries():
    with pytest.raises(ValueError, match="same queries"):
        randomisation_test(np.zeros(3), np.zeros(4))
