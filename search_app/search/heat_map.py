"""Where in a picture the match with a query lies, for any encoder: parts of the picture are looked at on their own.

Windows that overlap go through the image tower; a cell of the map is the mean score of the windows over it. It is how
sliding windows have found things for long, with the encoder as their judge. The vectors of the windows do not depend on
the query: keep `PictureParts`, and the next query costs a product of matrices. docs/explain.md compares this with
occlusion (Zeiler and Fergus, ECCV 2014) and says how far it can be trusted.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from search_app.datatypes import FloatMatrix, FloatVector
from search_app.encoders.base import Encoder

WINDOW = 0.4
"""Side of a window as a share of the picture's."""
WINDOWS_A_SIDE = 4
"""Windows along each side, half overlapping: their square is what a map costs in passes through the image tower."""
GRID = 8
"""Cells a side of a map. More are not more exact, the windows are what they are."""

Boxes = NDArray[np.float64]
"""Shape (n, 4): left, top, right, bottom as shares of the picture's width and height."""


@dataclass(frozen=True, slots=True, eq=False)
class PictureParts:
    """Windows over one picture and their vectors."""

    boxes: Boxes
    vectors: FloatMatrix
    """One for each window."""


@dataclass(frozen=True, slots=True, eq=False)
class HeatMap:
    """The match of one query over the cells of one picture."""

    heat: NDArray[np.float32]
    """Shape (rows, columns): 1 is the hottest cell of this picture, 0 the coldest; all 0 where none stands out."""
    scores: NDArray[np.float32]
    """Shape (rows, columns): mean cosine of the windows over each cell. Heat says where, only this says how much."""

    def boxes(self) -> Boxes:
        """The cells row by row, shape (rows * columns, 4), as shares of the picture's width and height."""
        rows, columns = self.heat.shape
        tops, lefts = (each.ravel() for each in np.mgrid[:rows, :columns])
        return np.stack([lefts / columns, tops / rows, (lefts + 1) / columns, (tops + 1) / rows], axis=1)


def heat_map(image: Image.Image, encoder: Encoder, query: FloatVector) -> HeatMap:
    """Where an RGB picture, the right way up, matches a query's vector; 16 passes through the image tower.

    Raises `EncoderError` where the encoder does.
    """
    return heat_of(look_at_parts(image, encoder), query)


def look_at_parts(
    image: Image.Image, encoder: Encoder, window: float = WINDOW, a_side: int = WINDOWS_A_SIDE
) -> PictureParts:
    """Encode `a_side` x `a_side` windows over an RGB picture; raises `EncoderError` where the encoder does.

    A window has the shape of the picture, so the encoder squeezes or cuts it as it does the whole. Its side is a share
    of the picture's; together the windows have to reach over all of it.
    """
    starts = np.linspace(0, 1 - window, a_side)
    boxes = np.array([(left, top, left + window, top + window) for top in starts for left in starts])
    small = _shrunk(image, round(max(encoder.spec.image_size) / window))
    pixels = np.stack([encoder.prepare(small.crop(_pixels(box, small.size))) for box in boxes])
    return PictureParts(boxes, encoder.encode_images(pixels))


def heat_of(parts: PictureParts, query: FloatVector, grid: int = GRID) -> HeatMap:
    """Spread the score of each window over the cells that it covers, `grid` a side."""
    shares = _overlaps(parts.boxes, grid)
    means = (parts.vectors @ query).astype(np.float64) @ shares / shares.sum(axis=0)
    low, high = means.min(), means.max()
    heat = (means - low) / (high - low) if high - low > _FLAT else np.zeros_like(means)
    return HeatMap(*(each.reshape(grid, grid).astype(np.float32) for each in (heat, means)))


_FLAT = 1e-4
"""Cosines nearer than this differ by rounding: batches of another size already give other last digits."""


def _shrunk(image: Image.Image, side: int) -> Image.Image:
    """The shorter side brought down to `side`: windows are cheap to cut, and none has to be blown up."""
    if min(image.size) <= side:
        return image
    scale = side / min(image.size)
    return image.resize((max(1, round(image.width * scale)), max(1, round(image.height * scale))), reducing_gap=2.0)


def _pixels(box: NDArray[np.float64], size: tuple[int, int]) -> tuple[int, int, int, int]:
    """A box in whole pixels, at least one wide and high: pictures may be a pixel thin."""
    left, top = (min(int(box[side] * size[side]), size[side] - 1) for side in (0, 1))
    right, bottom = (max(round(box[side + 2] * size[side]), start + 1) for side, start in ((0, left), (1, top)))
    return left, top, right, bottom


def _overlaps(boxes: Boxes, grid: int) -> NDArray[np.float64]:
    """Area each box shares with each cell, shape (n, grid * grid)."""
    edges = np.linspace(0, 1, grid + 1)
    across, down = (
        np.clip(np.minimum(boxes[:, side + 2, None], edges[1:]) - np.maximum(boxes[:, side, None], edges[:-1]), 0, None)
        for side in (0, 1)
    )
    areas: NDArray[np.float64] = down[:, :, None] * across[:, None, :]
    return areas.reshape(len(boxes), grid * grid)
