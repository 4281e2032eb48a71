"""From how many pictures there are to what they need: the wishes, and the plan that follows from them."""

import math
from dataclasses import dataclass, replace

from search_app.errors import SettingsError
from search_app.index.profile import Profile
from search_app.planning import figures, formulas
from search_app.planning.formulas import Memory, Vectors
from search_app.planning.models import PlannedModel

_ONE_MACHINE = 10_000_000
"""Pictures up to which the vectors are best kept in memory as they are, where there is no other wish."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is to be planned for."""

    images: int
    model: PlannedModel
    replicas: int = 1
    latency_ms: float | None = None
    queries: float = 10.0
    """A second."""
    has_words: bool = False
    ram: float = 64 * figures.GIB
    """Of a node, bytes."""
    cores: int = 8
    """Of a node."""
    payload: float = figures.PAYLOAD_BYTES
    """Bytes a picture on disk."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What the wishes come to; bytes and seconds."""

    wishes: Wishes
    profile: Profile
    memory: Memory
    """Of one copy."""
    stored: float
    """Of one copy, on disk."""
    nodes: int
    shards: int
    reads: int
    """From disk, of one search."""
    iops: float
    """Of each node."""
    load_seconds: float

    @property
    def ram_a_node(self) -> float:
        """What the collection takes of a node's memory, the system's share with it."""
        return self.memory.whole * self.wishes.replicas / self.nodes + self.wishes.ram * figures.SYSTEM_SHARE

    @property
    def disk_a_node(self) -> float:
        """With room for the optimiser."""
        return self.stored * self.wishes.replicas * figures.DISK_ROOM / self.nodes

    @property
    def decode_core_seconds(self) -> float:
        """To decode all pictures."""
        return self.wishes.images / figures.DECODED_A_CORE

    @property
    def is_one_machine(self) -> bool:
        """Whether the embedded engine does it."""
        return self.nodes == 1 and self.wishes.replicas == 1


def plan(wishes: Wishes, profile: Profile | None = None) -> Plan:
    """Reckon what is needed; without a profile one is chosen. Raises `SettingsError` for wishes that cannot be."""
    _check(wishes)
    chosen = profile or choose(wishes)
    pictures = Vectors(wishes.images, wishes.model.dim, chosen)
    words = replace(pictures, dim=figures.MEANING_DIM) if wishes.has_words else None
    needed = formulas.memory(pictures, words)
    on_nodes = formulas.nodes(wishes.images, wishes.replicas, needed.whole, wishes.ram)
    parts = chosen.cluster.shard_number or formulas.shards(on_nodes, wishes.replicas)
    read = formulas.reads(chosen, parts)
    return Plan(
        wishes=wishes,
        profile=_spread(chosen, wishes.replicas, parts, on_nodes) if profile is None else chosen,
        memory=needed,
        stored=formulas.stored(pictures, wishes.payload, words),
        nodes=on_nodes,
        shards=parts,
        reads=read,
        iops=_iops(read / on_nodes, wishes),
        load_seconds=formulas.load_seconds(
            wishes.images * wishes.replicas,
            wishes.cores * on_nodes,
            chosen.hnsw.m or chosen.hnsw.payload_m or 0,
            math.ceil(wishes.images / parts),
            pictures.dim,
        ),
    )


def _check(wishes: Wishes) -> None:
    for name, value in (("--images", wishes.images), ("--replicas", wishes.replicas), ("--cores", wishes.cores)):
        if value < 1:
            raise SettingsError(f"{name} {value}: at least 1 is planned for")
    if not (wishes.latency_ms is None or wishes.latency_ms > 0) or not wishes.queries >= 0:
        raise SettingsError(f"--latency {wishes.latency_ms}, --queries {wishes.queries}: above 0, and 0 or more")
    if not wishes.ram >= figures.GIB:
        raise SettingsError(f"--ram-per-node {wishes.ram / figures.GIB:g}: a node has 1 GiB at least")


def choose(wishes: Wishes) -> Profile:
    """The profile that fits: as by default while all fits into memory, else copies of 4 bits over vectors on disk.

    A latency below what a search from disk takes keeps the vectors in memory, at half their size.
    """
    if wishes.images <= _ONE_MACHINE and wishes.replicas == 1 and _fits(wishes, Profile()):
        return Profile()
    in_memory = wishes.latency_ms is not None and wishes.latency_ms < figures.FROM_DISK_MS
    return Profile.model_validate(
        {
            "vectors": {"on_disk": not in_memory, "datatype": "float16"},
            "payload": {"on_disk": True},
            "quantization": {"method": "turbo", "always_ram": True, "rescored": 512},
            "hnsw": {"m": 16},
        }
    )


def _fits(wishes: Wishes, profile: Profile) -> bool:
    needed = formulas.memory(Vectors(wishes.images, wishes.model.dim, profile)).whole
    return formulas.nodes(wishes.images, 1, needed, wishes.ram) == 1


def _spread(profile: Profile, replicas: int, parts: int, on_nodes: int) -> Profile:
    """The profile over a cluster; unchanged for one machine."""
    if on_nodes == 1:
        return profile
    cluster = {"shard_number": parts, "replication_factor": replicas, "write_consistency_factor": 1}
    more = {
        "cluster": cluster,
        "optimizers": {"max_segment_size": 5_000_000},
        "upload": {"batch_size": 1_000, "parallel": min(64, 2 * on_nodes)},
    }
    return Profile.model_validate(profile.model_dump(exclude_defaults=True) | more)


def _iops(reads_a_node: float, wishes: Wishes) -> float:
    """So many that the queries are served, and that one of them has its reads done in half of its time."""
    of_all = reads_a_node * wishes.queries
    of_one = 0.0 if wishes.latency_ms is None else reads_a_node / (wishes.latency_ms / 2_000)
    return math.ceil(max(of_all, of_one))
