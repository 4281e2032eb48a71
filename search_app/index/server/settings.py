"""A profile as a Qdrant server takes it; nothing here talks to a server."""

from typing import Any, TypeAlias

from qdrant_client import models

from search_app.index import graph
from search_app.index.fields import IMAGE, META_TEXT
from search_app.index.profile import Consistency, Profile, Quantization

_TURBO = {1: models.TurboQuantBitSize.BITS1, 1.5: models.TurboQuantBitSize.BITS1_5, 2: models.TurboQuantBitSize.BITS2}
_BINARY = {
    1: models.BinaryQuantizationEncoding.ONE_BIT,
    1.5: models.BinaryQuantizationEncoding.ONE_AND_HALF_BITS,
    2: models.BinaryQuantizationEncoding.TWO_BITS,
}
Copies: TypeAlias = models.ScalarQuantization | models.TurboQuantization | models.BinaryQuantization


def of_collection(dim: int, profile: Profile) -> dict[str, Any]:
    """Arguments of `create_collection` for a bulk load: no graph is built before it ends."""
    limits = profile.strict_mode.model_dump(exclude_none=True)
    chosen: dict[str, Any] = {
        **profile.cluster.model_dump(exclude_none=True, exclude={"read_consistency"}),
        "on_disk_payload": profile.payload.on_disk,
        "strict_mode_config": models.StrictModeConfig(enabled=True, **limits) if limits else None,
    }
    return {
        "vectors_config": {IMAGE: _vectors(dim, profile)},
        "hnsw_config": models.HnswConfigDiff(
            m=profile.hnsw.m,
            ef_construct=profile.hnsw.ef_construct,
            full_scan_threshold=graph.kilobytes(graph.SCORED_SINGLY, dim),
            on_disk=profile.hnsw.on_disk or None,
            payload_m=profile.hnsw.payload_m,
        ),
        "quantization_config": _copies(profile.quantization),
        "optimizers_config": models.OptimizersConfigDiff(indexing_threshold=0, **profile.optimizers.model_dump()),
        **{name: value for name, value in chosen.items() if value is not None},
    }


def of_bare_collection(profile: Profile) -> dict[str, Any]:
    """Arguments of `create_collection` for one that holds no vectors, and is there as long as the others are."""
    copies = profile.cluster.replication_factor
    return {"vectors_config": {}, **({"shard_number": 1, "replication_factor": copies} if copies else {})}


def _vectors(dim: int, profile: Profile) -> models.VectorParams:
    return models.VectorParams(
        size=dim,
        distance=models.Distance.COSINE,
        on_disk=profile.vectors.on_disk or None,
        datatype=models.Datatype.FLOAT16 if profile.vectors.datatype == "float16" else None,
    )


def _copies(chosen: Quantization) -> Copies | None:
    pinned = chosen.always_ram or None
    match chosen.method:
        case "int8":
            int8 = models.ScalarType.INT8
            return models.ScalarQuantization(
                scalar=models.ScalarQuantizationConfig(type=int8, quantile=chosen.quantile, always_ram=pinned)
            )
        case "turbo":
            bits = _TURBO.get(chosen.bits, models.TurboQuantBitSize.BITS4)
            return models.TurboQuantization(turbo=models.TurboQuantQuantizationConfig(always_ram=pinned, bits=bits))
        case "binary":
            encoding = _BINARY[chosen.bits]
            return models.BinaryQuantization(
                binary=models.BinaryQuantizationConfig(always_ram=pinned, encoding=encoding)
            )
        case "none":
            return None


def of_field(key: str, kind: str, profile: Profile) -> models.PayloadSchemaType | models.KeywordIndexParams:
    """How a field of the payload is indexed; points of one tenant are kept together."""
    if profile.tenant is not None and key == f"{META_TEXT}.{profile.tenant}":
        return models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, is_tenant=True)
    return models.PayloadSchemaType(kind)


def agreeing(consistency: Consistency | None) -> dict[str, Any]:
    """The argument of a reading request that says how many copies must agree; none where one is enough."""
    if consistency is None:
        return {}
    return {"consistency": consistency if isinstance(consistency, int) else models.ReadConsistencyType(consistency)}
