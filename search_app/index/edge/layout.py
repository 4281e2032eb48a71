"""How vectors lie in a shard and how they are looked for; runs in the process that owns it."""

from pathlib import Path
from typing import Any

import qdrant_edge as qe

from search_app.index import graph
from search_app.index.fields import IMAGE

_PIECE = 2**22


def config(dim: int, graph_from: int) -> Any:
    """Of an empty shard; graphs are built for segments of more than `graph_from` points."""
    singly = graph.kilobytes(min(graph_from, graph.SCORED_SINGLY), dim)
    return qe.EdgeConfig(
        vectors={IMAGE: qe.EdgeVectorParams(dim, qe.Distance.Cosine)},
        hnsw_config=qe.HnswIndexConfig(graph.LINKS, graph.CANDIDATES, full_scan_threshold=singly),
        quantization_config=qe.ScalarQuantizationConfig(qe.ScalarType.Int8, graph.QUANTILE),
        optimizers=qe.EdgeOptimizersConfig(indexing_threshold=graph.kilobytes(graph_from, dim)),
    )


def params(depth: int, *, exact: bool) -> Any:
    """Of a search for the best `depth` points; scores are those of the vectors themselves."""
    quantised = qe.QuantizationSearchParams(ignore=exact, rescore=True, oversampling=graph.oversampling(depth))
    return qe.SearchParams(hnsw_ef=graph.EF, exact=exact, quantization=quantised)


def read_ahead(path: str) -> None:
    """Bring the int8 copies of a shard into the page cache.

    The engine loads them page by page, each a wait for the disk: 65,000 vectors open in 1 s after this, else in 4 to 9.
    """
    for file in Path(path).glob("segments/*/vector_storage-*/quantized.data"):
        with file.open("rb", buffering=0) as data:
            while data.read(_PIECE):
                pass
