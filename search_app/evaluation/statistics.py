"""How sure a mean over queries is: bootstrap intervals, and a randomisation test for two runs."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

_CELLS = 2_000_000
"""Random numbers drawn at once: bounds the memory to some 20 MB whatever the number of queries."""


def bootstrap_interval(
    values: NDArray[np.float64], *, level: float = 0.95, resamples: int = 2000, seed: int = 0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Percentile bootstrap interval of each column's mean (Efron 1979).

    Args:
        values: shape (queries, measures); queries are drawn with replacement, whole rows at a time.
        level: share of the resampled means inside the interval.
        resamples: how many times the queries are drawn.
        seed: the same seed gives the same interval.

    Returns:
        Lower and upper ends, each of shape (measures,).

    """
    queries = len(values)
    if not queries:
        raise ValueError("no queries to take a mean over")
    random = np.random.default_rng(seed)
    shares = np.full(queries, 1 / queries)
    means = [random.multinomial(queries, shares, size=rows) @ values / queries for rows in _blocks(resamples, queries)]
    tail = (1 - level) / 2
    low, high = np.quantile(np.concatenate(means), [tail, 1 - tail], axis=0)
    return low, high


def randomisation_test(
    first: NDArray[np.float64], second: NDArray[np.float64], *, resamples: int = 10_000, seed: int = 0
) -> float:
    """Two-sided p-value of a paired randomisation test on the mean difference (Smucker, Allan, Carterette 2007).

    Args:
        first: values of one run, shape (queries,).
        second: values of the other run for the same queries in the same order.
        resamples: how many times the two runs are swapped at random query by query.
        seed: the same seed gives the same p-value.

    Returns:
        Between 1 / (resamples + 1) and 1: the share of swaps, the real pairing included, that differ at least as much.

    """
    if first.shape != second.shape or not len(first):
        raise ValueError("a paired test needs the same queries in both runs")
    random = np.random.default_rng(seed)
    differences = first - second
    # Sums of the same numbers in another order differ by rounding; a tie must count as a tie.
    observed = abs(differences.sum()) - 1e-9
    extreme = 1
    for rows in _blocks(resamples, len(differences)):
        signs = 1 - 2 * random.integers(0, 2, size=(rows, len(differences)), dtype=np.int8)
        extreme += int(np.count_nonzero(np.abs(signs @ differences) >= observed))
    return extreme / (resamples + 1)


def _blocks(rows: int, columns: int) -> Iterator[int]:
    """Split `rows` so that rows x columns stays within `_CELLS`."""
    step = max(1, _CELLS // columns)
    for start in range(0, rows, step):
        yield min(step, rows - start)
