"""How vectors lie in a shard and how they are looked for; runs in the process that owns it."""

from pathlib import Path
from typing import Any

import qdrant_edge as qe

from search_app.index import graph
from search_app.index.fields import IMAGE
from search_app.index.graph import Shape

_PIECE = 2**22
_TURBO = {1.0: "Bits1", 1.5: "Bits1_5", 2.0: "Bits2", 4.0: "Bits4"}
_BINARY = {1.0: "OneBit", 1.5: "OneAndHalfBits", 2.0: "TwoBits"}


def config(dim: int, shape: Shape) -> Any:
    """Of an empty shard."""
    singly = graph.kilobytes(min(shape.graph_from, graph.SCORED_SINGLY), dim)
    graph_memory = qe.Memory.Cold if shape.graph_cold else None
    return qe.EdgeConfig(
        vectors={IMAGE: _vectors(dim, shape)},
        payload_memory=None if shape.payload_cold is None else _memory(is_cold=shape.payload_cold),
        hnsw_config=qe.HnswIndexConfig(shape.links, shape.candidates, full_scan_threshold=singly, memory=graph_memory),
        quantization_config=_copies(shape),
        optimizers=qe.EdgeOptimizersConfig(indexing_threshold=graph.kilobytes(shape.graph_from, dim)),
    )


def _vectors(dim: int, shape: Shape) -> Any:
    return qe.EdgeVectorParams(
        dim,
        qe.Distance.Cosine,
        datatype=qe.VectorStorageDatatype.Float16 if shape.is_half else None,
        memory=qe.Memory.Cold if shape.vectors_cold else None,
    )


def _copies(shape: Shape) -> Any:
    memory = qe.Memory.Pinned if shape.copies_pinned else None
    match shape.compression:
        case "int8":
            return qe.ScalarQuantizationConfig(qe.ScalarType.Int8, shape.quantile, memory=memory)
        case "turbo":
            return qe.TurboQuantQuantizationConfig(
                bits=getattr(qe.TurboQuantBitSize, _TURBO[shape.bits]), memory=memory
            )
        case "binary":
            encoding = getattr(qe.BinaryQuantizationEncoding, _BINARY[shape.bits])
            return qe.BinaryQuantizationConfig(encoding=encoding, memory=memory)
        case _:
            return None


def _memory(*, is_cold: bool) -> Any:
    return qe.Memory.Cold if is_cold else qe.Memory.Cached


def params(depth: int, looked_at: int, rescored: int, *, exact: bool) -> Any:
    """Of a search for the best `depth` points; scores are those of the vectors themselves."""
    oversampling = graph.oversampling(depth, rescored)
    quantised = qe.QuantizationSearchParams(ignore=exact, rescore=True, oversampling=oversampling)
    return qe.SearchParams(hnsw_ef=looked_at, exact=exact, quantization=quantised)


def read_ahead(path: str) -> None:
    """Bring the int8 copies of a shard into the page cache.

    The engine loads them page by page, each a wait for the disk: 65,000 vectors open in 1 s after this, else in 4 to 9.
    """
    for file in Path(path).glob("segments/*/vector_storage-*/quantized.data"):
        with file.open("rb", buffering=0) as data:
            while data.read(_PIECE):
                pass
