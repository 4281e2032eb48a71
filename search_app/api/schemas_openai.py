"""Vectors in the form of OpenAI's embeddings (https://platform.openai.com/docs/api-reference/embeddings)."""

import binascii
from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from search_app.datatypes import FloatVector
from search_app.errors import BadRequest
from search_app.search.query import MAX_TEXT_LENGTH, normalised

MAX_INPUTS = 2_048
"""As many as OpenAI takes."""
MAX_PICTURES = 64
_DATA = "data:image/"

Piece = str | bytes
"""A text, or the file of a picture."""


class TextIn(BaseModel):
    """A text, whatever it begins with."""

    model_config = ConfigDict(extra="forbid", strict=True)

    text: str


class PictureIn(BaseModel):
    """A picture."""

    model_config = ConfigDict(extra="forbid", strict=True)

    image: str = Field(description="A picture file in base64, or a data: URL of it")


_LIMITS: dict[str, Any] = {"minItems": 1, "maxItems": MAX_INPUTS}
Inputs = list[str | TextIn | PictureIn]


class EmbeddingsBody(BaseModel):
    """What is to become vectors."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    input: str | Inputs = Field(
        description="Texts, or pictures as data: URLs (`data:image/jpeg;base64,...`); tokens are not taken",
        examples=["a red sports car"],
        json_schema_extra=_LIMITS,
    )
    model: str = Field(description="One of `/v1/models`", examples=["lite"])
    encoding_format: Literal["float", "base64"] = Field(
        "float", description="Numbers, or their float32 bytes, the lowest first, in base64"
    )
    dimensions: int | None = Field(None, description="Only that of the model: its vectors are not cut")
    user: str | None = Field(None, description="Not looked at")

    def pieces(self) -> list[Piece]:
        """Every input in its order; raises `BadRequest` naming the one that cannot be used."""
        given: Inputs = [self.input] if isinstance(self.input, str) else self.input
        if not 1 <= len(given) <= MAX_INPUTS:
            raise BadRequest(f"{len(given)} inputs were given; 1 to {MAX_INPUTS} are taken", "input")
        pieces = [_piece(one, at) for at, one in enumerate(given)]
        pictures = sum(isinstance(piece, bytes) for piece in pieces)
        if pictures > MAX_PICTURES:
            raise BadRequest(f"{pictures} pictures were given; at most {MAX_PICTURES} are looked at", "input")
        return pieces


class EmbeddingOut(BaseModel):
    """The vector of one input."""

    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | str = Field(description="Of unit length")


class UsageOut(BaseModel):
    """What was sent; nobody is charged for it."""

    prompt_tokens: int = Field(description="Words of the texts; a picture counts as none")
    total_tokens: int


class EmbeddingsAnswer(BaseModel):
    """A vector for each input, in their order."""

    object: Literal["list"] = "list"
    data: list[EmbeddingOut]
    model: str
    usage: UsageOut

    @classmethod
    def of(cls, body: EmbeddingsBody, pieces: Sequence[Piece], vectors: Sequence[FloatVector]) -> "EmbeddingsAnswer":
        """The vectors in the form that was asked for."""
        as_text = body.encoding_format == "base64"
        words = sum(len(piece.split()) for piece in pieces if isinstance(piece, str))
        return cls(
            data=[
                EmbeddingOut(index=at, embedding=_in_base64(vector) if as_text else vector.tolist())
                for at, vector in enumerate(vectors)
            ],
            model=body.model,
            usage=UsageOut(prompt_tokens=words, total_tokens=words),
        )


class ModelOut(BaseModel):
    """A model that vectors can be had from."""

    id: str = Field(examples=["lite"])
    object: Literal["model"] = "model"
    created: int = Field(default=0, description="Not known")
    owned_by: str = "search_app"


class ModelList(BaseModel):
    """All of them."""

    object: Literal["list"] = "list"
    data: list[ModelOut]


def _in_base64(vector: FloatVector) -> str:
    return b64encode(vector.astype("<f4").tobytes()).decode()


def _piece(given: str | TextIn | PictureIn, at: int) -> Piece:
    parameter = f"input.{at}"
    if isinstance(given, PictureIn):
        return _decoded(given.image, parameter)
    if isinstance(given, str) and given.startswith(_DATA):
        return _decoded(given, parameter)
    text = normalised(given if isinstance(given, str) else given.text)
    if not text:
        raise BadRequest("an empty text has no vector", parameter)
    if len(text) > MAX_TEXT_LENGTH:
        raise BadRequest(f"the text has {len(text)} characters; at most {MAX_TEXT_LENGTH} are read", parameter)
    return text


def _decoded(given: str, parameter: str) -> bytes:
    head, comma, data = given.partition(",")
    if comma and not head.endswith(";base64"):
        raise BadRequest("a data: URL of a picture is in base64: data:image/jpeg;base64,...", parameter)
    try:
        return b64decode(data if comma else given, validate=True)
    except (binascii.Error, ValueError):
        raise BadRequest("the picture is not in base64", parameter) from None
