"""Formulas of memory, disk and time; every number of them is in `figures` with its source. Pure functions, bytes."""

import math
from dataclasses import dataclass

from search_app.index.profile import Profile
from search_app.planning import figures


@dataclass(frozen=True, slots=True)
class Vectors:
    """Some vectors of one kind, with a graph over them."""

    count: int
    dim: int
    profile: Profile

    @property
    def originals(self) -> float:
        """The vectors themselves."""
        return self.count * self.dim * (2 if self.profile.vectors.datatype == "float16" else 4)

    @property
    def copies(self) -> float:
        """The copies in fewer bits; none where the vectors themselves are searched."""
        chosen = self.profile.quantization
        return 0.0 if chosen.method == "none" else self.count * self.dim * chosen.bits / 8

    @property
    def graph(self) -> float:
        """The links of the lowest layer, which has most of them."""
        return self.count * 2 * (self.profile.hnsw.m or self.profile.hnsw.payload_m or 0) * figures.LINK_BYTES


@dataclass(frozen=True, slots=True)
class Memory:
    """What should be in memory of one copy of a collection."""

    searched: float
    """What graph and search go by: the copies, or the vectors where there are none."""
    graph: float
    """0 where it is on disk."""
    ids: float
    indexes: float
    originals: float
    """The vectors, where they are not on disk beside copies; the page cache may give them up."""
    words: float

    @property
    def needed(self) -> float:
        """Without this, searches wait for the disk at every step."""
        return self.searched + self.graph + self.ids + self.indexes + self.words

    @property
    def whole(self) -> float:
        """With this, they never do but for what the profile leaves on disk."""
        return self.needed + self.originals


def memory(pictures: Vectors, words: Vectors | None = None) -> Memory:
    """Of one copy of a collection, with the words of its pictures where they are read."""
    profile = pictures.profile
    has_copies = profile.quantization.method != "none"
    at_hand = has_copies and not profile.vectors.on_disk
    return Memory(
        searched=pictures.copies if has_copies else pictures.originals,
        graph=0.0 if profile.hnsw.on_disk else pictures.graph,
        ids=pictures.count * figures.ID_BYTES,
        indexes=pictures.count * figures.INDEX_BYTES,
        originals=pictures.originals if at_hand else 0.0,
        words=0.0 if words is None else words.copies + words.graph + words.count * figures.FORM_BYTES,
    )


def stored(pictures: Vectors, payload: float = figures.PAYLOAD_BYTES, words: Vectors | None = None) -> float:
    """Bytes on disk of one copy of a collection, without room for the optimiser; `payload` is bytes a picture."""
    more = 0.0 if words is None else words.originals + words.copies + words.graph + words.count * figures.FORM_BYTES
    return (
        pictures.originals
        + pictures.copies
        + pictures.graph
        + pictures.count * payload
        + figures.COLLECTION_BYTES
        + more
    )


def nodes(count: int, replicas: int, needed: float, ram: float) -> int:
    """How many nodes of `ram` bytes hold `replicas` copies that need so many bytes each."""
    usable = ram * (1 - figures.SYSTEM_SHARE)
    by_memory = math.ceil(needed * replicas / usable)
    by_points = math.ceil(count * replicas / figures.POINTS_A_NODE)
    return max(by_memory, by_points, figures.NODES_FOR_COPIES if replicas > 1 else 1, replicas)


def shards(on_nodes: int, replicas: int) -> int:
    """Parts of which each node gets as many, at least two, and no fewer than a cluster begins with."""
    if on_nodes == 1:
        return 1
    step = on_nodes // math.gcd(on_nodes, replicas)
    least = max(figures.SHARDS, math.ceil(2 * on_nodes / replicas))
    return math.ceil(least / step) * step


def reads(profile: Profile, parts: int) -> int:
    """Reads from disk of one search: what is scored again, in each part; 0 where the vectors are in memory."""
    is_cold = profile.vectors.on_disk and profile.quantization.method != "none"
    return profile.quantization.rescored * parts if is_cold else 0


def load_seconds(points: int, cores: int, links: int, part: int, dim: int) -> float:
    """To store points of `dim` numbers and build their graphs on so many cores.

    `points` counts every copy, `links` are those of a point (`hnsw.m`), `part` is how many points one graph has.
    """
    if links <= figures.FEW_LINKS:
        return points / (figures.LOADED_A_CORE * cores)
    graph = max(0.0, figures.GRAPH_MS_A_DOUBLING * math.log2(max(part, 2)) - figures.GRAPH_MS_LESS)
    length = figures.ANY_DIM + (1 - figures.ANY_DIM) * dim / figures.GRAPH_DIM
    return points * (figures.STORED_MS + graph) * length / 1000 / cores
