"""How well people agree beyond chance: Cohen's kappa for two, Krippendorff's alpha for any number with gaps."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Level = Literal["nominal", "ordinal"]


@dataclass(frozen=True, slots=True)
class PairAgreement:
    """Two people over what both of them graded."""

    first: str
    second: str
    shared: int
    """Units both graded."""
    same: float | None
    """Share of these with equal grades."""
    kappa: float | None
    weighted_kappa: float | None
    """Quadratic weights."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """All people over all units; a figure is None where it is not defined, as where nobody varies."""

    assessors: tuple[str, ...]
    units: int
    """Graded by two people or more; the others say nothing about agreement."""
    alpha_nominal: float | None
    alpha_ordinal: float | None
    pairs: tuple[PairAgreement, ...]


def measure_agreement(grades: Mapping[str, Mapping[Hashable, int]]) -> Agreement:
    """Every figure from assessor -> unit -> grade."""
    names = tuple(sorted(grades))
    units = sorted({unit for given in grades.values() for unit in given}, key=repr)
    matrix = np.array([[grades[name].get(unit, np.nan) for unit in units] for name in names], dtype=float)
    matrix = matrix.reshape(len(names), len(units))
    return Agreement(
        assessors=names,
        units=int(((~np.isnan(matrix)).sum(axis=0) > 1).sum()),
        alpha_nominal=krippendorff_alpha(matrix, "nominal"),
        alpha_ordinal=krippendorff_alpha(matrix, "ordinal"),
        pairs=tuple(_pair(first, second, grades[first], grades[second]) for first, second in combinations(names, 2)),
    )


def cohen_kappa(first: Sequence[int], second: Sequence[int], *, weighted: bool = False) -> float | None:
    """Kappa of two people's grades of the same units (Cohen 1960); with quadratic weights (Cohen 1968) if `weighted`.

    The weights go by the grades themselves: 0 and 2 are four times as far apart as 0 and 1. None where it is not
    defined: without units, or where chance alone would have both say the same.
    """
    if len(first) != len(second):
        raise ValueError("kappa needs one grade of each person for each unit")
    if not first:
        return None
    values, places = np.unique(np.array([first, second], dtype=float), return_inverse=True)
    table = np.zeros((len(values), len(values)))
    np.add.at(table, tuple(places.reshape(2, -1)), 1 / len(first))
    distance = (values[:, None] - values) ** 2 if weighted else (values[:, None] != values).astype(float)
    expected = float((distance * np.outer(table.sum(axis=1), table.sum(axis=0))).sum())
    return 1 - float((distance * table).sum()) / expected if expected else None


def krippendorff_alpha(ratings: NDArray[np.floating], level: Level) -> float | None:
    """Alpha of a matrix (people, units) in which NaN is a missing grade (Krippendorff 2011, Computing Alpha).

    None where it is not defined: nothing was graded twice, or all grades are alike.
    """
    graded = ~np.isnan(ratings)
    columns = np.flatnonzero(graded.sum(axis=0) > 1)
    if not len(columns):
        return None
    values = np.unique(ratings[:, columns][graded[:, columns]])
    # counts[u, v]: how many gave unit u the value v.
    counts = np.stack([(ratings[:, columns] == value).sum(axis=0) for value in values], axis=1).astype(float)
    per_unit = counts.sum(axis=1)
    pairs = np.einsum("uv,uw->uvw", counts, counts) - np.einsum("uv,vw->uvw", counts, np.eye(len(values)))
    coincidences = (pairs / (per_unit - 1)[:, None, None]).sum(axis=0)
    totals = coincidences.sum(axis=1)
    distance = _distance(totals, level)
    expected = float((distance * np.outer(totals, totals)).sum())
    return 1 - (totals.sum() - 1) * float((distance * coincidences).sum()) / expected if expected else None


def _distance(totals: NDArray[np.floating], level: Level) -> NDArray[np.floating]:
    """Squared differences between the values, which stand in their order and occur `totals` times."""
    if level == "nominal":
        return 1 - np.eye(len(totals))
    # The grades passed on the way from one value to the other, each end counted half.
    middle = np.cumsum(totals) - totals / 2
    return np.asarray((middle[:, None] - middle) ** 2)


def _pair(first: str, second: str, one: Mapping[Hashable, int], other: Mapping[Hashable, int]) -> PairAgreement:
    shared = sorted(one.keys() & other.keys(), key=repr)
    left, right = [one[unit] for unit in shared], [other[unit] for unit in shared]
    return PairAgreement(
        first,
        second,
        shared=len(shared),
        same=float(np.mean(np.equal(left, right))) if shared else None,
        kappa=cohen_kappa(left, right),
        weighted_kappa=cohen_kappa(left, right, weighted=True),
    )
