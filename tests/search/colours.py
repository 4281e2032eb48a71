"""A small world with known answers: pictures of one colour, and an encoder that knows what colours are called."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from search_app.datatypes import EncoderSpec, FloatMatrix, Manifest, Picture, PixelArray, PixelBatch, Point
from search_app.index.memory.store import MemoryStore
from search_app.search.service import SearchService

COLOURS = {
    "red": (220, 30, 30),
    "green": (30, 200, 30),
    "blue": (30, 30, 220),
    "yellow": (220, 210, 30),
    "purple": (150, 30, 200),
    "black": (10, 10, 10),
    "white": (245, 245, 245),
}
SPEC = EncoderSpec("colours", dim=4, fingerprint="colours-1", image_size=(8, 8))


def colour_vectors(colours: Sequence[tuple[float, float, float]]) -> FloatMatrix:
    """Colours around grey, with a constant beside them so that no vector is zero."""
    rows = np.array([[*((np.array(colour) - 128) / 128), 0.3] for colour in colours], np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@dataclass
class ColourEncoder:
    """Texts and pictures as their mean colour; unknown words are grey, each word a shade of its own."""

    spec: EncoderSpec = SPEC
    encoded: int = 0

    def prepare(self, image: Image.Image) -> PixelArray:
        return np.asarray(image.resize((8, 8)))

    def encode_images(self, pixels: PixelBatch) -> FloatMatrix:
        return colour_vectors([tuple(picture.reshape(-1, 3).mean(axis=0)) for picture in pixels])

    def encode_texts(self, texts: Sequence[str]) -> FloatMatrix:
        self.encoded += len(texts)
        return colour_vectors([self._meant(text) for text in texts])

    def _meant(self, text: str) -> tuple[float, float, float]:
        known = [COLOURS[word] for word in text.lower().split() if word in COLOURS]
        grey = 100.0 + sum(text.encode()) % 50
        return tuple(np.mean(known, axis=0)) if known else (grey, grey, grey)

    def close(self) -> None:
        self.spec = replace(self.spec, name="closed")


def write_pictures(folder: Path) -> None:
    """One picture of each colour at `NAME/a picture.png`, in the order of `COLOURS`."""
    for name, colour in COLOURS.items():
        (folder / name).mkdir(parents=True)
        Image.new("RGB", (640, 400), colour).save(folder / name / "a picture.png")


def index_pictures(store: MemoryStore, folder: Path, spec: EncoderSpec = SPEC, *, rebuild: bool = False) -> Manifest:
    """Commit a generation with the pictures of `write_pictures`: ids from 1 in the order of `COLOURS`."""
    vectors = colour_vectors(list(COLOURS.values()))
    points = []
    for number, (name, vector) in enumerate(zip(COLOURS, vectors, strict=True), 1):
        picture = Picture(f"{name}/a picture.png", f"{number:032x}", 1000, 1, 640, 400, "PNG")
        points.append(Point(number, vector, picture))
    with store.writer(spec, str(folder), rebuild=rebuild) as writer:
        writer.upsert(points)
        return writer.commit()


def open_colours(folder: Path, **options: int) -> tuple[SearchService, MemoryStore]:
    """A service over freshly written and indexed pictures."""
    write_pictures(folder)
    store = MemoryStore("colours")
    index_pictures(store, folder)
    return SearchService(ColourEncoder(), store.reader(), backend="memory", **options), store
