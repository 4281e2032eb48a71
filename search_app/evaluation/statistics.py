"""How sure a mean over queries is: bootstrap intervals, a randomisation test for two runs, Holm's correction."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

_CELLS = 2_000_000
"""Random numbers drawn at once: bounds the memory to some 20 MB whatever the number of queries."""


def bootstrap_interval(
    values: NDArray[np.float64],
    *,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
    groups: Sequence[str] | Sequence[int] | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Percentile bootstrap interval of each column's mean (Efron 1979).

    Args:
        values: shape (queries, measures); queries are drawn with replacement, whole rows at a time.
        level: share of the resampled means inside the interval.
        resamples: how many times the queries are drawn.
        seed: the same seed gives the same interval.
        groups: one name for each query; queries that share one, such as the statements of one picture, are drawn
            together or not at all (cluster bootstrap; Davison and Hinkley 1997, 3.8). None: each stands alone.

    Returns:
        Lower and upper ends, each of shape (measures,).

    """
    queries = len(values)
    if not queries:
        raise ValueError("no queries to take a mean over")
    totals, sizes = group_totals(values, groups)
    random = np.random.default_rng(seed)
    shares = np.full(len(sizes), 1 / len(sizes))
    means = []
    for rows in _blocks(resamples, len(sizes)):
        drawn = random.multinomial(len(sizes), shares, size=rows)
        means.append(drawn @ totals / (drawn @ sizes)[:, None])
    tail = (1 - level) / 2
    low, high = np.quantile(np.concatenate(means), [tail, 1 - tail], axis=0)
    return low, high


def group_totals(
    values: NDArray[np.float64], groups: Sequence[str] | Sequence[int] | None
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Sums over the queries of each group, shape (groups, measures), and the size of each group.

    A paired test on these sums is the test that swaps two runs for whole groups.
    """
    if groups is None:
        return values, np.ones(len(values), dtype=np.int64)
    if len(groups) != len(values):
        raise ValueError("each query needs one group")
    names, places, sizes = np.unique(np.asarray(groups), return_inverse=True, return_counts=True)
    totals = np.zeros((len(names), values.shape[1]))
    np.add.at(totals, places, values)
    return totals, sizes.astype(np.int64)


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


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction (1979): the chance of one false claim or more in the family stays below alpha."""
    order = np.argsort(p_values, kind="stable")
    steps = np.array(p_values, dtype=np.float64)[order] * np.arange(len(order), 0, -1)
    corrected = np.empty(len(order))
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return [float(p) for p in corrected]


def _blocks(rows: int, columns: int) -> Iterator[int]:
    """Split `rows` so that rows x columns stays within `_CELLS`."""
    step = max(1, _CELLS // columns)
    for start in range(0, rows, step):
        yield min(step, rows - start)
