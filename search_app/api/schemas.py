"""What goes in and out over HTTP; ranges are in OpenAPI here and enforced by `search.query` alone."""

from dataclasses import asdict
from pathlib import PurePath
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from search_app import __version__
from search_app.search.query import DEFAULT_LIMIT, MAX_OFFSET, MAX_TEXT_LENGTH, SearchQuery
from search_app.search.results import Hit, SearchResult, ServiceInfo, Timings


class SearchParameters(BaseModel):
    """What may be asked, in a query string."""

    query: str = Field(
        description="What the pictures should show, in words",
        examples=["car"],
        json_schema_extra={"minLength": 1, "maxLength": MAX_TEXT_LENGTH},
    )
    limit: int = Field(DEFAULT_LIMIT, description="Most hits to give", json_schema_extra={"minimum": 1})
    offset: int = Field(
        0, description="Hits to pass over: the next page", json_schema_extra={"minimum": 0, "maximum": MAX_OFFSET}
    )
    min_score: float | None = Field(
        None, description="Leave out hits below this cosine similarity", json_schema_extra={"minimum": -1, "maximum": 1}
    )

    def to_query(self) -> SearchQuery:
        """The same question in the product's own words."""
        return SearchQuery(self.query, limit=self.limit, offset=self.offset, min_score=self.min_score)


class SearchBody(SearchParameters):
    """The same as JSON; an unknown field is refused, so that a misspelt option is not lost in silence."""

    model_config = ConfigDict(extra="forbid", strict=True)


class ScoredId(BaseModel):
    """One entry of the bare list."""

    id: int = Field(examples=[1124])
    score: float = Field(description="Cosine similarity as the model gives it", examples=[0.28792995])


class HitOut(ScoredId):
    """One picture that was found."""

    path: str = Field(description="Relative to the indexed folder", examples=["cars/1124.jpg"])
    url: str = Field(description="The picture itself", examples=["/images/1124"])
    thumbnail_url: str = Field(examples=["/images/1124/thumbnail"])
    width: int = Field(description="Pixels")
    height: int = Field(description="Pixels")

    @classmethod
    def of(cls, hit: Hit, root: str) -> "HitOut":
        """The hit with the addresses of its pictures below `root`, the path a proxy serves this application at."""
        url = f"{root}/images/{hit.id}"
        return cls(**asdict(hit), url=url, thumbnail_url=f"{url}/thumbnail")


class SimilarAnswer(BaseModel):
    """Neighbours of one picture, best first."""

    hits: list[HitOut]
    model: str = Field(examples=["lite"])
    collection: str
    generation: int = Field(description="Grows with every change of the index; one generation gives one answer")
    took_ms: Timings

    @classmethod
    def of(cls, result: SearchResult, root: str, **more: str) -> Self:
        """The result in the form of the interface."""
        return cls(
            hits=[HitOut.of(hit, root) for hit in result.hits],
            model=result.model,
            collection=result.collection,
            generation=result.generation,
            took_ms=result.took_ms,
            **more,
        )


class SearchAnswer(SimilarAnswer):
    """Hits, best first, and what they came from."""

    query: str = Field(description="The query as it was understood")


class Health(BaseModel):
    """The process is alive, or ready."""

    status: str = Field(examples=["ok"])


class Readiness(Health):
    """A real query was answered just now."""

    collection: str
    count: int = Field(description="Pictures that can be found")
    generation: int


class InfoOut(BaseModel):
    """What runs here; index fields are null while there is no index."""

    version: str
    model: str
    dim: int = Field(description="Dimension of the vectors")
    device: str
    precision: str
    backend: str = Field(description="What holds the index")
    collection: str | None
    count: int | None = Field(description="Pictures that can be found")
    generation: int | None
    folder: str | None = Field(description="Name of the indexed folder")

    @classmethod
    def of(cls, info: ServiceInfo) -> Self:
        """The facts in the form of the interface: of the indexed folder only the name."""
        encoder, index = info.encoder, info.index
        return cls(
            version=__version__,
            model=encoder.name,
            dim=encoder.dim,
            device=encoder.device,
            precision=encoder.precision,
            backend=info.backend,
            collection=index.collection if index else None,
            count=index.count if index else None,
            generation=index.generation if index else None,
            folder=PurePath(index.folder).name if index else None,
        )
