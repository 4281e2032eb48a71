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


def test_groups_of_one_give_the_interval_of_single_queries():
    values = np.random.default_rng(9).random((30, 2))
    np.testing.assert_allclose(bootstrap_interval(values, groups=range(30)), bootstrap_interval(values), atol=1e-12)


def test_the_interval_of_groups_agrees_with_drawing_groups_spelled_out():
    values = np.random.default_rng(10).random((50, 1))
    groups = [f"g{number % 7 if number < 35 else number}" for number in range(50)]  # 7 groups of 5, 15 of one
    low, high = bootstrap_interval(values, resamples=20_000, groups=groups)
    members = [np.flatnonzero(np.array(groups) == name) for name in sorted(set(groups))]
    random = np.random.default_rng(11)
    means = [
        values[np.concatenate([members[place] for place in random.integers(0, 22, 22)]), 0].mean()
        for _ in range(20_000)
    ]
    np.testing.assert_allclose([low[0], high[0]], np.quantile(means, [0.025, 0.975]), atol=0.004)


def test_intervals_of_groups_hold_the_true_mean_where_those_of_single_queries_do_not():
    """300 experiments of 60 groups of 4 queries that share most of their luck; the true mean is 0."""
    random = np.random.default_rng(12)
    samples = np.repeat(random.normal(0, 1, (60, 300)), 4, axis=0) + random.normal(0, 0.5, (240, 300))

    def coverage(groups):
        low, high = bootstrap_interval(samples, resamples=1000, groups=groups)
        return np.mean((low <= 0) & (high >= 0))

    assert 0.90 < coverage(np.repeat(np.arange(60), 4).tolist()) < 0.98
    assert coverage(None) < 0.80


def test_each_query_needs_a_group():
    with pytest.raises(ValueError, match="one group"):
        bootstrap_interval(np.zeros((3, 1)), groups=["a", "b"])
