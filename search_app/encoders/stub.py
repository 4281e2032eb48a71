"""An encoder for tests: "red" finds red pictures, and a reader can say by how much."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from search_app.datatypes import EncoderSpec, FloatMatrix, PixelArray, PixelBatch
from search_app.encoders.base import Preparer
from search_app.errors import EncoderError

COLOURS = {
    "black": (0, 0, 0),
    "white": (255, 255, 255),
    "grey": (128, 128, 128),
    "red": (220, 30, 30),
    "orange": (255, 140, 0),
    "yellow": (250, 230, 40),
    "green": (30, 160, 60),
    "blue": (30, 70, 220),
    "purple": (130, 40, 160),
    "pink": (250, 150, 190),
    "brown": (120, 70, 30),
}
SIDE = 16
QUARTERS = 4
# Small beside the colours, whose shares add up to 1, and enough to tell mirrored pictures apart.
BRIGHTNESS_WEIGHT = 0.1
DIM = len(COLOURS) + QUARTERS + 1


class StubEncoder:
    """Vectors of sixteen numbers: a share for each colour, the brightness of each quarter, and "nothing named".

    A picture's shares say how many of its pixels come closest to each colour. A sentence's count the colours it
    names; one that names none points along the last axis, where every picture has a little.
    """

    def __init__(self) -> None:
        self._closed = False

    @property
    def spec(self) -> EncoderSpec:
        """Fixed for ever: bump the fingerprint when the vectors change."""
        return EncoderSpec(name="stub", dim=DIM, fingerprint="stub-1", image_size=(SIDE, SIDE))

    def prepare(self, image: Image.Image) -> PixelArray:
        """Shrink a picture to 16 x 16, whatever its shape."""
        return _prepare(image)

    @property
    def preparer(self) -> Preparer:
        """`prepare` without the model: it can be pickled and sent to other processes."""
        return _prepare

    def encode_images(self, pixels: PixelBatch) -> FloatMatrix:
        """Share of each colour, brightness of each quarter, and a little of the last axis."""
        self._require_open()
        palette = np.array(list(COLOURS.values()), dtype=np.float32)
        distances = np.linalg.norm(pixels[..., None, :].astype(np.float32) - palette, axis=-1)
        nearest = distances.argmin(axis=-1).reshape(len(pixels), SIDE * SIDE)
        shares = (nearest[..., None] == np.arange(len(COLOURS))).mean(axis=1)
        half = SIDE // 2
        grid = pixels.reshape(len(pixels), 2, half, 2, half, 3).mean(axis=(2, 4, 5)) / 255
        quarters = BRIGHTNESS_WEIGHT * grid.reshape(len(pixels), QUARTERS)
        return _unit(np.hstack([shares, quarters, np.full((len(pixels), 1), BRIGHTNESS_WEIGHT)]))

    def encode_texts(self, texts: Sequence[str]) -> FloatMatrix:
        """Count of each colour word, or the last axis where there is none."""
        self._require_open()
        rows = np.zeros((len(texts), DIM))
        for row, text in zip(rows, texts, strict=True):
            words = text.lower().replace("gray", "grey").split()
            row[: len(COLOURS)] = [words.count(colour) for colour in COLOURS]
            row[-1] = not row.any()
        return _unit(rows)

    def close(self) -> None:
        """Refuse to encode from now on, as the real ones do."""
        self._closed = True

    def _require_open(self) -> None:
        if self._closed:
            raise EncoderError("stub is closed")


def _prepare(image: Image.Image) -> PixelArray:
    return np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BOX))


def _unit(rows: np.ndarray) -> FloatMatrix:
    unit: FloatMatrix = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return unit
