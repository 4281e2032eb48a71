"""The numbers of the search graph, the same on every engine; light, as the owner of a shard must start fast.

`python -m benchmarks index_sweep` and `python -m benchmarks filtered` made the figures they were chosen by. Vectors of
sentences lie far from those of all pictures: of their ten nearest among 65,536 this finds .993 in less time than 16
links, 100 candidates and no int8 take to find .983. Which of the three does it was not taken apart.

`index.profile` lets an operator choose others; what a collection is made by is one `Shape`.
"""

from dataclasses import dataclass

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
RESCORED = 256
"""The best of a search that are scored again by the vectors themselves."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How the vectors of a collection lie in an engine and how they are looked for."""

    graph_from: int = 10_000
    """Segments of more points than this get a graph; the embedded engine's, a server has a threshold of its own."""
    links: int = LINKS
    candidates: int = CANDIDATES
    looked_at: int = EF
    rescored: int = RESCORED
    compression: str = "int8"
    """Of the copies that graph and search go by: `int8`, `turbo`, `binary` or `none`."""
    bits: float = 8.0
    """Of each number in a copy."""
    quantile: float = QUANTILE
    copies_pinned: bool = False
    """The copies stay in memory; else they may be given up to the page cache."""
    vectors_cold: bool = False
    """The vectors themselves are read from the disk when they are asked for."""
    graph_cold: bool = False
    payload_cold: bool | None = None
    """None is the engine's own way."""
    is_half: bool = False
    """Vectors are kept as float16."""
    made_with: str = ""
    """What the manifest notes of this, see `Manifest.made_with`."""


USUAL = Shape()


def oversampling(depth: int, rescored: int = RESCORED) -> float:
    """How many times as many as are asked for are scored by the vectors themselves: int8 mistakes close neighbours."""
    return max(1.0, rescored / depth)


def kilobytes(vectors: int, dim: int) -> int:
    """The size of some float32 vectors, as engines take thresholds; never 0, which means another thing."""
    return max(1, vectors * dim * 4 // 1024)
