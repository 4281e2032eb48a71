"""Which hashes of 64 bits lie within a few bits of each other, without comparing all with all.

Multi-index hashing (Norouzi, Punjani and Fleet, "Fast Search in Hamming Space with Multi-Index Hashing", 2012): a hash
is cut into bands; two hashes that differ in few bits differ in very few bits of at least one band (pigeonhole), so
only the hashes listed under nearly the same band need to be looked at. Exact: nothing is missed.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

BANDS = 4
KEYS = 1 << 16
"""A band has 16 bits: wide enough that a list is short, narrow enough that a table of all keys is small."""
LOOKED_AT_ONCE = 1 << 21
"""Pairs held at a time: bounds the memory to some 100 MB."""


class HashIndex:
    """Hashes that can be asked for those near others."""

    def __init__(self, hashes: NDArray[np.uint64], most_bits: int) -> None:
        """List `hashes`, shape (n,), by their bands; hashes are near within `most_bits`."""
        self._hashes, self._most_bits = hashes, most_bits
        keys = _bands(hashes)
        self._orders = [np.argsort(band, kind="stable") for band in keys]
        counts = [np.bincount(band, minlength=KEYS) for band in keys]
        self._ends = [np.cumsum(count) for count in counts]
        self._starts = [end - count for end, count in zip(self._ends, counts, strict=True)]
        changes = np.arange(KEYS, dtype=np.uint16)
        # Of 8 bits, the first band may take 2 or some other band has at most 1: section 3.1 of the paper.
        radii = [(most_bits - band) // BANDS for band in range(BANDS)]
        self._masks = [changes[np.bitwise_count(changes) <= radius] for radius in radii]

    def near(self, queries: NDArray[np.uint64]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Pairs (row of `queries`, row of the index) that are near, each once, a part of the queries at a time."""
        probes = [band[:, None] ^ masks for band, masks in zip(_bands(queries), self._masks, strict=True)]
        work = np.zeros(len(queries), dtype=np.int64)
        for band, probe in enumerate(probes):
            work += (self._ends[band][probe] - self._starts[band][probe]).sum(axis=1)
        for part in _parts(work):
            codes = [self._near_by_band(band, probe[part], queries[part]) for band, probe in enumerate(probes)]
            found = np.unique(np.concatenate(codes))
            yield found // len(self._hashes) + part.start, found % len(self._hashes)

    def _near_by_band(self, band: int, probe: NDArray[np.uint16], queries: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Near pairs by one band, as (row of `queries`) x (size of the index) + (row of the index)."""
        starts, ends = self._starts[band][probe].ravel(), self._ends[band][probe].ravel()
        lengths = ends - starts
        # The places start, start + 1, ... end - 1 of every list, one list behind the other.
        places = np.arange(lengths.sum()) + np.repeat(starts - np.cumsum(lengths) + lengths, lengths)
        rows = self._orders[band][places]
        asked = np.repeat(np.arange(len(queries)), lengths.reshape(probe.shape).sum(axis=1))
        is_near = np.bitwise_count(self._hashes[rows] ^ queries[asked]) <= self._most_bits
        codes: NDArray[np.int64] = asked[is_near] * len(self._hashes) + rows[is_near]
        return codes


def near_by_hand(
    hashes: NDArray[np.uint64], queries: NDArray[np.uint64], most_bits: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """As `HashIndex.near`, all with all: for so few queries that an index of the hashes would cost more."""
    found = [np.flatnonzero(np.bitwise_count(hashes ^ query) <= most_bits) for query in queries]
    asked = np.repeat(np.arange(len(queries)), [len(near) for near in found])
    return asked, np.concatenate([np.empty(0, np.int64), *found])


def _bands(hashes: NDArray[np.uint64]) -> list[NDArray[np.uint16]]:
    # Which bits make a band does not matter, so the byte order of the machine does not either.
    cut = np.ascontiguousarray(hashes).view(np.uint16).reshape(-1, BANDS)
    return [np.ascontiguousarray(cut[:, band]) for band in range(BANDS)]


def _parts(work: NDArray[np.int64]) -> Iterator[slice]:
    """Slices of which each is one query, or so many that their `work` stays within `LOOKED_AT_ONCE`."""
    done = np.cumsum(work)
    start = 0
    while start < len(work):
        before = int(done[start - 1]) if start else 0
        stop = max(start + 1, int(np.searchsorted(done, before + LOOKED_AT_ONCE, side="right")))
        yield slice(start, stop)
        start = stop
