"""The numbers of the search graph, the same on every engine; light, as the owner of a shard must start fast.

`python -m benchmarks index_sweep` and `python -m benchmarks filtered` made the figures they were chosen by. Vectors of
sentences lie far from those of all pictures: of their ten nearest among 65,536 this finds .993 in less time than 16
links, 100 candidates and no int8 take to find .983. Which of the three does it was not taken apart.
"""

LINKS = 32
CANDIDATES = 200
"""Looked at for the links of a new vector."""
EF = 512
"""Looked at in a search."""
QUANTILE = 0.99
"""Graph and search go by int8 copies of the vectors; numbers beyond this quantile are cut."""
SCORED_SINGLY = 1_000
"""So many that pass a filter, or fewer, are looked at one by one; values that more have get links of their own.

With 10,000 instead, searches held to half of 24,576 pictures found .95 of what exact search finds."""
_RESCORED = 256


def oversampling(depth: int) -> float:
    """How many times as many as are asked for are scored by the vectors themselves: int8 mistakes close neighbours."""
    return max(1.0, _RESCORED / depth)


def kilobytes(vectors: int, dim: int) -> int:
    """The size of some float32 vectors, as engines take thresholds; never 0, which means another thing."""
    return max(1, vectors * dim * 4 // 1024)
