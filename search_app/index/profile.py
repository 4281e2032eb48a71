"""What an operator may choose about a collection: `SEARCH_PROFILE`.

The names are Qdrant's own, so that its documentation explains them further. Without a profile everything is as the
program chose it; a collection that is there keeps what it was made with, and `differences` says where a profile wants
something else.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from search_app.index import graph
from search_app.index.graph import Shape

PAGE = 1_000
"""Points that the program asks a server for at a time: no limit of `strict_mode` may be lower."""
_ASKED_LATER: dict[str, set[str] | bool] = {
    "hnsw": {"ef"},
    "quantization": {"rescored"},
    "cluster": {"read_consistency"},
    "upload": True,
}
"""What counts when the collection is asked or filled, and may change at any time."""
_OF_A_SERVER = ("cluster", "optimizers", "strict_mode", "upload", "tenant")
_BITS = {"int8": (8,), "turbo": (1, 1.5, 2, 4), "binary": (1, 1.5, 2), "none": (8,)}
Consistency = Annotated[int, Field(ge=1, le=64)] | Literal["majority", "quorum", "all"]
FieldName = Annotated[str, StringConstraints(pattern=r"^[^.\s\"\\\[\]]{1,64}$")]


class Section(BaseModel):
    """A table of the file; a name that is none of its fields is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Vectors(Section):
    """The vectors as the model made them."""

    on_disk: bool = False
    """Read from the disk when they are asked for, which is when the best of a search are scored again."""
    datatype: Literal["float32", "float16"] = "float32"
    """`float16` halves them; cosines change in the fourth digit."""


class Payload(Section):
    """What is known about pictures beside their vectors."""

    on_disk: bool | None = None
    """Unset is the engine's own choice: on disk for the embedded engine, the server's configuration for a server."""


class Quantization(Section):
    """Copies of the vectors in fewer bits, by which the graph is built and searched; the best are scored again."""

    method: Literal["int8", "turbo", "binary", "none"] = "int8"
    """`int8` is a byte a number (scalar), `turbo` and `binary` have `bits`, `none` searches the vectors themselves."""
    bits: float = 8.0
    """Of a number in a copy: `int8` has 8, `turbo` 1, 1.5, 2 or 4 (unset is 4), `binary` 1, 1.5 or 2 (unset is 1)."""
    quantile: float = Field(default=graph.QUANTILE, ge=0.5, le=1.0)
    """Of `int8`: numbers beyond it are cut."""
    always_ram: bool = False
    """The copies stay in memory, whatever else lies on disk."""
    rescored: int = Field(default=graph.RESCORED, ge=0, le=100_000)
    """So many of the best are scored again by the vectors themselves, in each shard: Qdrant's oversampling times limit.
    With vectors on disk each of them is a read."""

    @model_validator(mode="before")
    @classmethod
    def _usual_bits(cls, given: Any) -> Any:
        if isinstance(given, Mapping) and given.get("method") in {"turbo", "binary"}:
            return {"bits": 4 if given["method"] == "turbo" else 1, **given}
        return given

    @model_validator(mode="after")
    def _fits(self) -> Self:
        some = _BITS[self.method]
        if self.bits not in some:
            listed = ", ".join(f"{bits:g}" for bits in some)
            raise ValueError(f"bits {self.bits:g}: `{self.method}` has {listed}")
        return self


class Hnsw(Section):
    """The graph."""

    m: int = Field(default=graph.LINKS, ge=0, le=512)
    """Links of a vector; the lowest layer has twice as many. 0 builds no graph over all, see `payload_m`."""
    ef_construct: int = Field(default=graph.CANDIDATES, ge=4, le=10_000)
    """Candidates looked at for the links of a new vector."""
    ef: int = Field(default=graph.EF, ge=4, le=100_000)
    """Candidates looked at in a search, in each shard."""
    on_disk: bool = False
    """The graph is read from the disk."""
    payload_m: int | None = Field(default=None, ge=0, le=512)
    """Links within a value of an indexed field; with `tenant` and m = 0 each tenant has a graph of its own."""


class Cluster(Section):
    """How a collection lies on the nodes of a cluster. Unset is the server's default, one shard a node and one copy."""

    shard_number: int | None = Field(default=None, ge=1, le=10_000)
    """Parts of the collection. They cannot be made more or fewer later on a server of one's own."""
    replication_factor: int | None = Field(default=None, ge=1, le=64)
    """Copies of each part, on different nodes."""
    write_consistency_factor: int | None = Field(default=None, ge=1, le=64)
    """Copies that must have stored a change before it counts; changes fail where fewer nodes are up."""
    read_consistency: Consistency | None = None
    """Copies that are asked and must agree: a number, `majority`, `quorum` or `all`; unset is one."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        copies = self.replication_factor or 1
        if (self.write_consistency_factor or 1) > copies:
            raise ValueError(f"write_consistency_factor {self.write_consistency_factor} is more than {copies} copies")
        if isinstance(self.read_consistency, int) and self.read_consistency > copies:
            raise ValueError(f"read_consistency {self.read_consistency} is more than {copies} copies")
        return self


class Optimizers(Section):
    """Segments of a shard."""

    default_segment_number: int | None = Field(default=None, ge=1, le=1_000)
    """How many are aimed at; fewer are searched faster and built slower."""
    max_segment_size: int | None = Field(default=None, ge=1_000)
    """Kilobytes of vectors that one may have."""


class StrictMode(Section):
    """Limits the server keeps for a collection, whoever asks. None may be lower than what this program asks for."""

    max_query_limit: int | None = Field(default=None, ge=PAGE)
    """Points of one answer. Searches of the whole grammar ask for several thousand."""
    search_max_hnsw_ef: int | None = Field(default=None, ge=4)
    """Candidates looked at; at least `hnsw.ef`."""
    search_max_oversampling: float | None = Field(default=None, ge=1.0)
    """At least `quantization.rescored`: one picture may be asked for, and so many scored again."""
    search_max_batchsize: int | None = Field(default=None, ge=16)
    """Questions that come as one request."""
    upsert_max_batchsize: int | None = Field(default=None, ge=1)
    """Points that come as one request; at least `upload.batch_size`."""
    max_points_count: int | None = Field(default=None, ge=1)
    """Points of the collection."""
    max_collection_vector_size_bytes: int | None = Field(default=None, ge=1)
    """Bytes of vectors in each shard."""
    max_collection_payload_size_bytes: int | None = Field(default=None, ge=1)
    """Bytes of payload in each shard."""
    read_rate_limit: int | None = Field(default=None, ge=1)
    """Reading requests a minute of a node."""
    write_rate_limit: int | None = Field(default=None, ge=1)
    """Changing requests a minute of a node."""
    filter_max_conditions: int | None = Field(default=None, ge=100)
    """Conditions of one filter."""
    unindexed_filtering_retrieve: Literal[False] | None = None
    """`false` refuses filters by fields that are not indexed; all that this program asks by are."""


class Upload(Section):
    """How an index run sends points."""

    batch_size: int = Field(default=500, ge=1, le=10_000)
    """Most points of one request."""
    parallel: int = Field(default=1, ge=1, le=64)
    """Requests under way at once; while so many are, the run waits: a server that is busy slows it down."""


class Profile(Section):
    """A whole profile; each section may be left out."""

    vectors: Vectors = Vectors()
    payload: Payload = Payload()
    quantization: Quantization = Quantization()
    hnsw: Hnsw = Hnsw()
    cluster: Cluster = Cluster()
    optimizers: Optimizers = Optimizers()
    strict_mode: StrictMode = StrictMode()
    upload: Upload = Upload()
    tenant: FieldName | None = None
    """A field of `index --metadata` by whose values the server keeps points together (`is_tenant`)."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.hnsw.m == 0 and not (self.tenant and self.hnsw.payload_m):
            raise ValueError(
                "hnsw.m 0 builds no graph: it goes with `tenant` and hnsw.payload_m, or every search is slow"
            )
        for name, least, of in (
            ("search_max_hnsw_ef", self.hnsw.ef, "hnsw.ef"),
            ("search_max_oversampling", self.quantization.rescored, "quantization.rescored"),
            ("upsert_max_batchsize", self.upload.batch_size, "upload.batch_size"),
        ):
            limit = getattr(self.strict_mode, name)
            if limit is not None and limit < least:
                raise ValueError(f"strict_mode.{name} {limit:g} is below {of} {least}: the program would be refused")
        return self

    def noted(self) -> str:
        """What a collection keeps of this, as its manifest notes it; empty where all is as by default."""
        kept = self.model_dump(exclude_defaults=True, exclude=_ASKED_LATER)
        said = {name: part for name, part in kept.items() if part != {}}
        return json.dumps(said, sort_keys=True) if said else ""

    def for_a_server_only(self) -> list[str]:
        """Names of what is chosen here and means nothing to the embedded engine."""
        chosen = self.model_dump(exclude_defaults=True, include={*_OF_A_SERVER})
        return [name for name, _ in flat(chosen)] + (["hnsw.payload_m"] if self.hnsw.payload_m is not None else [])

    def shape(self) -> Shape:
        """The same as the embedded engine takes it."""
        return Shape(
            links=self.hnsw.m,
            candidates=self.hnsw.ef_construct,
            looked_at=self.hnsw.ef,
            rescored=self.quantization.rescored,
            compression=self.quantization.method,
            bits=self.quantization.bits,
            quantile=self.quantization.quantile,
            copies_pinned=self.quantization.always_ram,
            vectors_cold=self.vectors.on_disk,
            graph_cold=self.hnsw.on_disk,
            payload_cold=self.payload.on_disk,
            is_half=self.vectors.datatype == "float16",
            made_with=self.noted(),
        )


DEFAULT = Profile()


def flat(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Each value with its whole name, `hnsw.m`."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{above}{name}.")
        else:
            yield above + name, value
