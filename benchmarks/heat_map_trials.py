"""What the maps of `benchmarks.heat_map` are put to: blanking, looking at a part alone, and pointing."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from search_app.encoders.base import Encoder
from search_app.images.decode import decode_image
from search_app.search.heat_map import GRID, HeatMap, PictureParts, heat_of, look_at_parts

Map = NDArray[np.float64]
"""Shape (GRID, GRID), hotter is larger."""
QUARTER = GRID * GRID // 4
HALF = GRID // 2
TRIALS = ("blank, mean colour", "blank, blurred", "alone")
MAPS = ("windows", "occlusion", "both", "shuffled", "centre")
"""Ours; the loss where a window is blanked; the sum of the two; ours with its scores shuffled; nearer the middle."""
SIDE = 780
"""Pixels of the longer side at which pictures are worked on."""


def load(path: Path, encoder: Encoder) -> Image.Image:
    """A picture as the trials take it."""
    image = decode_image(path, max_pixels=10**9, min_size=encoder.spec.image_size).image
    image.thumbnail((SIDE, SIDE))
    return image


@dataclass(frozen=True, eq=False)
class Looked:
    """One picture, seen whole, in windows and with each window blanked: what every map is made of."""

    image: Image.Image
    whole: NDArray[np.float32]
    parts: PictureParts
    without: PictureParts

    def maps(self, query: NDArray[np.float32], random: np.random.Generator) -> Mapping[str, Map]:
        """Every map of `MAPS` for a query's vector."""
        windows, blanked = (_scores(heat_of(parts, query)) for parts in (self.parts, self.without))
        occlusion = float(self.whole @ query) - blanked
        shuffled = PictureParts(self.parts.boxes, random.permutation(self.parts.vectors))
        rows, columns = np.mgrid[:GRID, :GRID] - (GRID - 1) / 2
        made = (windows, occlusion, _standard(windows) + _standard(occlusion), _scores(heat_of(shuffled, query)))
        return dict(zip(MAPS, (*made, -np.hypot(rows, columns)), strict=True))


def look(image: Image.Image, encoder: Encoder) -> Looked:
    """Make everything that does not depend on a query."""
    parts = look_at_parts(image, encoder)
    pixels = [encoder.prepare(image)]
    for box in parts.boxes:
        blanked = image.copy()
        blanked.paste(mean_colour(image), corners(box, image.size))
        pixels.append(encoder.prepare(blanked))
    whole, *without = encoder.encode_images(np.stack(pixels))
    return Looked(image, whole, parts, PictureParts(parts.boxes, np.stack(without)))


def put_to_trials(looked: Looked, heat: Map, query: NDArray[np.float32], encoder: Encoder) -> dict[str, list[float]]:
    """For each trial what the hottest and what the coldest quarter do; the map is good where the first is larger.

    Blanking: how much the cosine falls. Alone: the cosine of a quarter cut out, half as wide and half as high.
    """
    order = np.argsort(-heat.ravel(), kind="stable")
    flat = Image.new("RGB", looked.image.size, mean_colour(looked.image))
    blurred = looked.image.filter(ImageFilter.GaussianBlur(min(looked.image.size) / 10))
    pictures = [
        _blanked(looked.image, filling, cells)
        for filling in (flat, blurred)
        for cells in (order[:QUARTER], order[-QUARTER:])
    ]
    pictures += [looked.image.crop(corners(box, looked.image.size)) for box in _quarters(heat)]
    scores = encoder.encode_images(np.stack([encoder.prepare(each) for each in pictures])) @ query
    values = np.r_[float(looked.whole @ query) - scores[:4], scores[4:]].reshape(3, 2)
    return dict(zip(TRIALS, values.tolist(), strict=True))


def mosaic(files: list[Path], quarter: int, random: np.random.Generator, encoder: Encoder) -> tuple[Image.Image, Map]:
    """Four pictures side by side, cut at random places near the middle: the first is the one to be pointed at.

    Gives the picture and the share of each cell that belongs to the first (Boehle et al., CVPR 2021, grid pointing).
    """
    x, y = random.uniform(0.4, 0.6, 2)
    places = [(0, 0, x, y), (x, 0, 1, y), (0, y, x, 1), (x, y, 1, 1)]
    own = places.pop(quarter)
    canvas = Image.new("RGB", (SIDE, SIDE))
    for path, place in zip(files, [own, *places], strict=True):
        left, top, right, bottom = corners(np.array(place), canvas.size)
        canvas.paste(load(path, encoder).resize((right - left, bottom - top), reducing_gap=2.0), (left, top))
    fine = Image.new("L", canvas.size)
    fine.paste(255, corners(np.array(own), canvas.size))
    return canvas, np.asarray(fine.resize((GRID, GRID), Image.Resampling.BOX), np.float64) / 255


def pointed(heat: Map, own: Map) -> tuple[float, float]:
    """Share of the hottest cell, and of the hottest quarter, that lies in the part to be pointed at."""
    order = np.argsort(-heat.ravel(), kind="stable")
    shares = own.ravel()[order]
    return float(shares[0] > 0.5), float(shares[:QUARTER].mean())


def mean_colour(image: Image.Image) -> tuple[int, ...]:
    """Of the whole picture."""
    return tuple(map(int, np.asarray(image.resize((32, 32), Image.Resampling.BOX)).mean(axis=(0, 1))))


def corners(box: NDArray[np.float64], size: tuple[int, int]) -> tuple[int, int, int, int]:
    """A box in shares as whole pixels."""
    left, top, right, bottom = (round(float(share) * size[number % 2]) for number, share in enumerate(box))
    return left, top, right, bottom


def _scores(found: HeatMap) -> Map:
    return found.scores.astype(np.float64)


def _standard(heat: Map) -> Map:
    return (heat - heat.mean()) / (heat.std() + 1e-9)


def _blanked(image: Image.Image, filling: Image.Image, cells: NDArray[np.int64]) -> Image.Image:
    mask = np.zeros(GRID * GRID, np.uint8)
    mask[cells] = 255
    return Image.composite(filling, image, Image.fromarray(mask.reshape(GRID, GRID)).resize(image.size, 0))


def _quarters(heat: Map) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The hottest and the coldest rectangle of half the width and half the height, as shares."""
    places = [(row, column) for row in range(GRID - HALF + 1) for column in range(GRID - HALF + 1)]
    means = [heat[row : row + HALF, column : column + HALF].mean() for row, column in places]
    found = (places[int(np.argmax(means))], places[int(np.argmin(means))])
    hot, cold = (np.array([column, row, column + HALF, row + HALF]) / GRID for row, column in found)
    return hot, cold
