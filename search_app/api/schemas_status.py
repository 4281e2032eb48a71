"""What the service says of itself over HTTP."""

from collections.abc import Mapping
from pathlib import PurePath
from typing import Self

from pydantic import BaseModel, Field

from search_app import __version__
from search_app.search.results import ServiceInfo


class Health(BaseModel):
    """The process is alive, or ready."""

    status: str = Field(examples=["ok"])


class Readiness(Health):
    """A real query was answered just now."""

    collection: str
    count: int = Field(description="Pictures that can be found")
    generation: int
    note: str | None = Field(None, description="Why an alias is not followed; left out where all is as it should be")


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
    fields: list[str] = Field(description="What pictures can be counted and filtered by", examples=[["colour"]])
    configuration: dict[str, str | int | float | bool] = Field(
        description="Every setting by its variable; of a secret only whether it is set",
        examples=[{"SEARCH_MODEL": "lite", "SEARCH_API_KEYS": "unset"}],
    )
    note: str = Field(default="", description="Why an alias is not followed; left out where all is as it should be")

    @classmethod
    def of(cls, info: ServiceInfo, configuration: Mapping[str, str | int | float | bool]) -> Self:
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
            fields=list(info.fields),
            configuration=dict(configuration),
        )
