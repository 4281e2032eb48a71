"""A folder of pictures, its index, and the application that adds to both."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from fastapi import FastAPI
from PIL import Image

from search_app.api.app import create_app
from search_app.datatypes import FloatVector, Picture
from search_app.encoders.stub import StubEncoder
from search_app.index.base import IndexReader, IndexStore
from search_app.index.memory.store import MemoryStore
from search_app.ingest.adding.adder import Adder
from search_app.ingest.pipeline import IngestOptions, run_ingest
from search_app.ingest.report import IngestReport
from search_app.search.service import SearchService
from tests.conftest import SAMPLE

MAX_PIXELS = 4_000_000


def png(colour: str | tuple[int, int, int], size: tuple[int, int] = (40, 30)) -> bytes:
    return saved(Image.new("RGB", size, colour), "PNG")


def noise(seed: int, side: int = 16) -> bytes:
    """A picture of its own for each seed."""
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8)
    return saved(Image.fromarray(pixels).resize((64, 64)), "PNG")


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def samples(count: int) -> list[bytes]:
    """Pictures of the bundled sample."""
    return [path.read_bytes() for path in sorted(SAMPLE.rglob("*.jpg"))[:count]]


def form(*pictures: tuple[str, bytes]) -> dict[str, Any]:
    """The arguments of httpx for pictures under their paths."""
    return {
        "files": [("image", ("a name.jpg", content)) for _, content in pictures],
        "data": {"path": [path for path, _ in pictures]},
    }


def index(folder: Path, store: IndexStore) -> IngestReport:
    return run_ingest(folder, StubEncoder(), store, IngestOptions(MAX_PIXELS), lambda *_: None)


def adding_app(store: IndexStore, patience_s: float = 5.0) -> FastAPI:
    def open_adder(service: SearchService) -> Adder:
        return Adder(store, service.reader, lambda: service.encoder, max_pixels=MAX_PIXELS, patience_s=patience_s)

    return create_app(lambda: SearchService(StubEncoder(), store.reader()), open_adder=open_adder)


@dataclass(frozen=True, eq=False)
class Held:
    """What a collection says about one picture; alike where engines differ in the last bits of a vector only."""

    picture: Picture
    vector: FloatVector

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Held)
            and self.picture == other.picture
            and np.allclose(self.vector, other.vector, atol=1e-6)
        )

    __hash__ = None  # type: ignore[assignment]


def held(reader: IndexReader) -> dict[int, Held]:
    """All of a collection."""
    known = {item.id: item.picture for item in reader.scan()}
    vectors = reader.vectors([*known])
    return {number: Held(known[number], vectors[number]) for number in known}


def held_by(store: IndexStore) -> dict[int, Held]:
    reader = store.reader()
    try:
        return held(reader)
    finally:
        reader.close()


def freshly_indexed(folder: Path) -> dict[int, Held]:
    """What an index run over the folder makes, from nothing, in the oracle."""
    store = MemoryStore("fresh")
    index(folder, store)
    return held_by(store)


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def refusal(response: httpx.Response) -> tuple[int, str, str]:
    """Status, detail and parameter of a problem document."""
    assert response.headers["content-type"] == "application/problem+json", response.text
    problem = response.json()
    return response.status_code, problem["detail"], problem.get("parameter", "")
