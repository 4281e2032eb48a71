"""Collections of two models whose right answers are known, on each back end, and a service that hosts them."""

import json
import threading
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from fastapi import FastAPI
from fastapi.testclient import TestClient
from PIL import Image

from search_app.api.app import create_app
from search_app.api.guarding.guard import Guard
from search_app.datatypes import EncoderSpec, FloatMatrix, Picture, PixelArray, PixelBatch, Point
from search_app.encoders.base import Encoder
from search_app.errors import WeightsUnavailable
from search_app.hosting.hosted import OpenAdder
from search_app.hosting.house import House, Rules
from search_app.hosting.opening import Openers, open_house
from search_app.index.base import IndexStore
from search_app.index.catalogue import Catalogue
from search_app.index.edge.catalogue import edge_catalogue
from search_app.index.edge.store import EdgeStore
from search_app.index.server.catalogue import server_catalogue
from search_app.index.server.store import ServerStore
from search_app.search.service import SearchService
from tests.index.conftest import SharedClient

PICTURES = 40
DIMS = {"first": 8, "second": 12, "third": 8}
WORDS = [f"{colour} {thing}" for colour in ("red", "green", "blue") for thing in ("car", "tree", "house", "cup")]
"""Queries that are asked."""
MAX_PIXELS = 1_000_000


class SeededEncoder:
    """A model whose vectors are drawn by lot, the same each time; two models have nothing in common."""

    def __init__(self, name: str) -> None:
        if name not in DIMS:
            raise WeightsUnavailable(f"no weights of {name} are here")
        self.spec = EncoderSpec(name, DIMS[name], f"seeded-{name}", (8, 8))
        self.is_closed = False

    def prepare(self, image: Image.Image) -> PixelArray:
        return np.asarray(image.resize((8, 8)))

    def encode_images(self, pixels: PixelBatch) -> FloatMatrix:
        return np.stack([self._drawn(one.tobytes()) for one in pixels])

    def encode_texts(self, texts: Sequence[str]) -> FloatMatrix:
        assert not self.is_closed, f"{self.spec.name} is asked after it was closed"
        return np.stack([self._drawn(text.encode()) for text in texts])

    def _drawn(self, data: bytes) -> Any:
        row = np.random.default_rng(zlib.crc32(data + self.spec.name.encode())).normal(size=self.spec.dim)
        return (row / np.linalg.norm(row)).astype(np.float32)

    def close(self) -> None:
        self.is_closed = True


class MadEncoder(SeededEncoder):
    """Its weights are damaged."""

    def encode_texts(self, texts: Sequence[str]) -> FloatMatrix:
        return super().encode_texts(texts) * np.float32(np.nan)


class ToldService(SearchService):
    """A service that says whether it was closed."""

    is_closed = False

    def close(self) -> None:
        super().close()
        self.is_closed = True


def content_hash(collection: str, number: int) -> str:
    return f"{zlib.crc32(collection.encode()):08x}{number:024x}"


def fill(store: IndexStore, collection: str, model: str, folder: Path, pictures: int = PICTURES) -> None:
    """Commit a collection whose pictures have the ids from 1, whatever the collection is called."""
    encoder = SeededEncoder(model)
    points = []
    for number in range(1, pictures + 1):
        picture = Picture(f"{collection}-{number}.png", content_hash(collection, number), 1, 1, 64, 48, "PNG")
        points.append(Point(number, encoder._drawn(f"{collection} {number}".encode()), picture))
    with store.writer(encoder.spec, str(folder), rebuild=True) as writer:
        writer.upsert(points)
        writer.commit()


def _owner_processes() -> set[int]:
    found = set()
    for child in psutil.Process().children():
        with suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
            if "search_app.index.edge.owner" in child.cmdline():
                found.add(child.pid)
    return found


@dataclass
class World:
    """A back end with collections, and what is opened of it."""

    catalogue: Callable[[], Catalogue]
    store: Callable[[str], IndexStore]
    folder: Path
    encoders: list[SeededEncoder] = field(default_factory=list)
    """Every model that was opened, in that order."""
    broken: set[str] = field(default_factory=set)
    """Models that cannot be opened at the moment."""
    mad: set[str] = field(default_factory=set)
    """Models that are opened well at the moment, and then answer what is no vector."""
    open_adder: OpenAdder | None = None
    held: threading.Event = field(default_factory=threading.Event)
    """Where it is not set no model can be opened: whoever wants one waits."""

    strangers: frozenset[int] = field(default_factory=lambda: frozenset(_owner_processes()))
    """What tests before this one have left running in the same process, a service of a whole session for one."""

    def __post_init__(self) -> None:
        self.held.set()

    def owners(self) -> int:
        """Processes that own an embedded index of this world."""
        return len(_owner_processes() - self.strangers)

    def fill(self, collection: str, model: str, pictures: int = PICTURES) -> None:
        fill(self.store(collection), collection, model, self.folder, pictures)

    def open_encoder(self, name: str) -> Encoder:
        assert self.held.wait(60)
        if name in self.broken:
            raise WeightsUnavailable(f"the weights of {name} are gone")
        self.encoders.append(MadEncoder(name) if name in self.mad else SeededEncoder(name))
        return self.encoders[-1]

    def open_models(self) -> list[str]:
        return [one.spec.name for one in self.encoders if not one.is_closed]

    def open_house(self, own: str = "images", model: str = "first", rules: Rules | None = None) -> House:
        openers = Openers(
            self.open_encoder,
            lambda: (_ for _ in ()).throw(AssertionError("nothing was printed")),
            lambda collection: self.store(collection).reader(),
            lambda encoder, reader, _: ToldService(encoder, reader, max_pixels=MAX_PIXELS),
            MAX_PIXELS,
            self.open_adder,
        )
        return open_house(own, model, self.catalogue(), openers, rules or Rules(look_seconds=0.05))

    @contextmanager
    def serving(self, guard: Guard | None = None, **options: Any) -> Iterator[TestClient]:
        app = create_app(lambda: self.open_house(**options), open_guard=lambda: guard or Guard())
        with TestClient(app) as client:
            yield client


def house_in(client: TestClient) -> House:
    app = client.app
    assert isinstance(app, FastAPI)
    house: House = app.state.house
    return house


def edge_world(home: Path) -> World:
    index_dir = home / "storage"
    return World(lambda: edge_catalogue(index_dir), lambda name: EdgeStore(index_dir, name), home)


def server_world(home: Path) -> World:
    client = SharedClient(":memory:")
    return World(
        lambda: server_catalogue("memory", make_client=lambda _: client),
        lambda name: ServerStore("memory", name, make_client=lambda _: client),
        home,
    )


WORLDS = {"edge": edge_world, "server": server_world}


class Oracle:
    """What each collection answers, by comparing with every vector."""

    def __init__(self, made_by: dict[str, str], pictures: int = PICTURES) -> None:
        """`made_by`: the model of each collection."""
        self.made_by = made_by
        self._answers = {
            (collection, words): self._best(SeededEncoder(model), collection, words, pictures)
            for collection, model in made_by.items()
            for words in WORDS
        }

    def _best(self, encoder: SeededEncoder, collection: str, words: str, pictures: int) -> list[tuple[int, float]]:
        rows = np.stack([encoder._drawn(f"{collection} {number}".encode()) for number in range(1, pictures + 1)])
        scores = rows @ encoder.encode_texts([words])[0]
        best = sorted(range(pictures), key=lambda at: (-scores[at], at))[:5]
        return [(at + 1, float(scores[at])) for at in best]

    def answered_by(self, words: str, answer: Any) -> str:
        """The one collection that gives this answer to `GET /search`."""
        given = [(hit["id"], hit["score"]) for hit in answer]
        fitting = [name for name in self.made_by if _alike(given, self._answers[name, words])]
        assert len(fitting) == 1, f"{words!r} was answered by {fitting}: {json.dumps(answer)}"
        return fitting[0]


def _alike(given: list[tuple[int, float]], right: list[tuple[int, float]]) -> bool:
    return [one for one, _ in given] == [one for one, _ in right] and all(
        abs(score - other) < 1e-5 for (_, score), (_, other) in zip(given, right, strict=True)
    )
