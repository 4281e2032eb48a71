"""Figures that a plan is reckoned from, each with where it was published or measured."""

from dataclasses import dataclass

GIB = 2**30

LARGE_SCALE = "Qdrant, large-scale search (LAION-400M)"
CAPACITY = "Qdrant, capacity planning"
DISTRIBUTED = "Qdrant, distributed deployment"
OUTGROWN = "Qdrant, when your collection outgrows RAM (2026-08)"
GROWTH = "measured here, docs/performance.md (growth, index_sweep)"
SPEED = "measured here, docs/performance.md"
CLIP_RETRIEVAL = "rom1504/clip-retrieval, distributed inference"
DECODING = "imread_benchmark (2026), Pillow"
BY_WORK = "reckoned from ViT-B-32 by the published GFLOP"

LINK_BYTES = 4
"""Of one link of the graph; the lowest layer has twice `m` of them [LARGE_SCALE]."""
ID_BYTES = 32
"""Of a point: version 4, id to place 12, place to id 16 [LARGE_SCALE]."""
INDEX_BYTES = 240
"""Of a picture in the indexes of the fields: what 65,536 had of their own beside copies, graph and ids [GROWTH]."""
PAYLOAD_BYTES = 940
"""Of a picture on disk: facts and their indexes; what 262,144 and a million took beside vectors, copies, graph and the
next figure [GROWTH]."""
COLLECTION_BYTES = 40e6
"""Of a collection on disk, however few its pictures: the journal above all [GROWTH]."""
SYSTEM_SHARE = 8.34 / 64
"""Of a node's memory, for the system and what is not the collection: 8.34 of 64 GiB [LARGE_SCALE]."""
ALL_IN_RAM = 1.5
"""Times the vectors in float32: Qdrant's rule where nothing is compressed and nothing on disk [CAPACITY]."""
DISK_ROOM = 1.5
"""Times what is stored, for the copies that optimisers make [CAPACITY]."""
POINTS_A_NODE = 100_000_000
"""Most that one node should have [DISTRIBUTED]."""
SHARDS = 12
"""That a cluster begins with: they lie evenly on 1, 2, 3, 6 and 12 nodes, and cannot be split later [DISTRIBUTED]."""
NODES_FOR_COPIES = 3
"""At least, where copies shall survive the loss of one [DISTRIBUTED]."""
LOADED_A_CORE = 4_000 / 8
"""Points a second, stored and indexed: 4,000 on 8 cores, with 6 links a point [LARGE_SCALE]."""
FEW_LINKS = 8
"""Up to so many (`hnsw.m`) the published rate is reckoned with, above our own of 32 links."""
STORED_MS = 0.4
"""Of a core for a point of 1,154 numbers [GROWTH, 0.35 to 0.49]."""
GRAPH_MS_A_DOUBLING = 0.235
"""Of a core for a point, times the logarithm to base 2 of the points of a part ..."""
GRAPH_MS_LESS = 1.33
"""... less this: 2 ms with 16,384 points, 3.4 ms with a million; 32 links, 1,154 numbers [GROWTH]."""
GRAPH_DIM = 1154
"""Numbers of those points ..."""
ANY_DIM = 0.36
"""... and the share of their time that points of any length take; the rest goes with it [GROWTH, 384 numbers]."""
FROM_DISK_MS = 43.0
"""p50 of a search whose vectors come from disk, 3.8 ms where they are in memory [OUTGROWN]."""
DECODED_A_CORE = 620
"""Pictures a second [DECODING, 537 to 726]."""
MEANING_DIM = 384
FORM_BYTES = 240
"""Of a picture's words by form: some 30 terms of 8 bytes; not measured."""


@dataclass(frozen=True, slots=True)
class Rate:
    """How many pictures a second are embedded, by one core or one GPU, decoding apart."""

    a_second: float
    of: str
    source: str


GPU = "NVIDIA A100"
CORE = "core with bf16 (AVX512-BF16, AMX)"
PLAIN_CORE = "core (AVX2, fp32)"
GPU_RATES = {
    "ViT-B-32": Rate(2_500, GPU, CLIP_RETRIEVAL),
    "ViT-B-16": Rate(1_100, GPU, CLIP_RETRIEVAL),
    "ViT-L-14": Rate(312, GPU, CLIP_RETRIEVAL),
}
CORE_RATES = {"ViT-B-32": Rate(40, CORE, SPEED), "lite": Rate(48.7 / 2, PLAIN_CORE, SPEED)}
"""ViT-B-32 80 a second on two cores, `lite` 48.7 with its tower alone."""
PLAIN_B32 = Rate(9.29 / 2, PLAIN_CORE, SPEED)
