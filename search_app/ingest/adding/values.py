"""What is added, on its way: light, as every start of the service imports it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from search_app.datatypes import FloatVector, MetaValue, Picture


@dataclass(frozen=True, slots=True)
class NewPicture:
    """A picture as somebody sends it."""

    name: str
    """Path relative to the indexed folder."""
    data: bytes
    meta: Mapping[str, MetaValue] = field(default_factory=dict)
    parameter: str = "image"
    """What the sender calls it, for errors."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A picture that was looked at and encoded, ready to be stored."""

    picture: Picture
    """With the time of its file left open."""
    data: bytes
    vector: FloatVector


@dataclass(frozen=True, slots=True)
class Added:
    """A picture that is in the collection."""

    id: int
    path: str
    created: bool
    """False where it was there before, the same bytes under the same name."""
