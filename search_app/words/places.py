"""Where the lines of print in a picture stand: at what size a detector looks at it, and at which parts of it.

A detector costs as much as it is shown pixels. So it first glances at a quarter of them; then it is shown, in full, the
bands in which there may be print. A picture without any costs the glance alone. Print that is too small is not seen at
all, so small pictures are enlarged a little. docs/words.md has the figures.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

PrintMap: TypeAlias = NDArray[np.float32]
"""Shape (1, 1, height, width): how likely each pixel is print, 0 to 1."""
Detector: TypeAlias = Callable[[NDArray[np.float32]], PrintMap]
"""Shown a picture (1, 3, height, width), blue first, -1 to 1, its sides multiples of 32."""

_CELL = 32
"""Pixels; the places of bands are told in squares of this side. At the glance they have half of it."""


@dataclass(frozen=True, slots=True)
class LookingRule:
    """What a detector is shown; what is changed here changes the words that are read."""

    least_side: int = 672
    """Pixels; pictures with a shorter side are enlarged to this."""
    most_enlarged: float = 2.5
    """But not further, side by side."""
    most_pixels: int = 1_200_000
    """Larger pictures are shrunk to this many."""
    may_be_print: float = 0.03
    """A cell in which some pixel is likelier than this to be print, at the glance, is looked at."""
    around: int = 2
    """And so many cells around it: a detector goes by what surrounds print, too."""


LOOKING = LookingRule()


def print_map(picture: Image.Image, detector: Detector, rule: LookingRule = LOOKING) -> PrintMap | None:
    """The map of an RGB picture, at the size that suited it; None where there is no print."""
    scale = min(rule.most_enlarged, max(1.0, rule.least_side / min(picture.size)))
    scale = min(scale, math.sqrt(rule.most_pixels / (picture.width * picture.height)))
    columns, rows = (2 * max(1, round(side * scale / (2 * _CELL))) for side in picture.size)
    large = picture.resize((columns * _CELL, rows * _CELL), Image.Resampling.BILINEAR)
    half = _CELL // 2
    glance = detector(_pixels(large.resize((columns * half, rows * half), Image.Resampling.BILINEAR)))
    cells = glance.reshape(rows, half, columns, half).max(axis=(1, 3)) > rule.may_be_print
    if not cells.any():
        return None
    found = np.zeros((1, 1, large.height, large.width), np.float32)
    for left, top, right, bottom in _bands(_grown(cells, rule.around)):
        found[:, :, top:bottom, left:right] = detector(_pixels(large.crop((left, top, right, bottom))))
    return found


def _pixels(picture: Image.Image) -> NDArray[np.float32]:
    blue_green_red = np.asarray(picture)[None, :, :, ::-1].transpose(0, 3, 1, 2)
    return np.ascontiguousarray(blue_green_red) * np.float32(2 / 255) - np.float32(1)


def _grown(cells: NDArray[np.bool_], by: int) -> NDArray[np.bool_]:
    padded = np.pad(cells, by)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (2 * by + 1, 2 * by + 1))
    return np.asarray(windows.any(axis=(2, 3)))


def _bands(cells: NDArray[np.bool_]) -> Iterator[tuple[int, int, int, int]]:
    """Left, top, right and bottom, in pixels, of each run of rows with cells, as wide as they stand in it."""
    edges = np.flatnonzero(np.diff(np.pad(cells.any(axis=1).astype(np.int8), 1)))
    for top, bottom in edges.reshape(-1, 2).tolist():
        at = np.flatnonzero(cells[top:bottom].any(axis=0)).tolist()
        yield at[0] * _CELL, top * _CELL, (at[-1] + 1) * _CELL, bottom * _CELL
