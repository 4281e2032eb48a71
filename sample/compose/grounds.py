"""Backgrounds as arrays of twice the poster's size: gradients, rays, dots, stripes, lights out of focus."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from sample.compose.canvas import SCALE
from sample.compose.colours import Colour, Pixels

Field = NDArray[np.float64]


def coordinates(size: tuple[int, int]) -> tuple[Field, Field]:
    """Returns x and y of every pixel in parts of the short side, the origin in the middle."""
    width, height = size[0] * SCALE, size[1] * SCALE
    short = min(width, height)
    y, x = np.mgrid[0:height, 0:width]
    return (x - width / 2) / short, (y - height / 2) / short


def smooth(low: float, high: float, values: Field) -> Field:
    """Rises from 0 at `low` to 1 at `high` with soft ends (smoothstep)."""
    share = np.clip((values - low) / (high - low), 0, 1)
    return np.asarray(share * share * (3 - 2 * share))


def blend(first: Colour | Field, second: Colour | Field, share: Field) -> Field:
    """Mixes two colours or two pictures pixel by pixel; `share` is the part of the second."""
    start, end = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    return np.asarray(start + (end - start) * share[..., None])


def finish(picture: Field, rng: np.random.Generator, grain: float = 1.6) -> Pixels:
    """Adds a little grain, which keeps gradients from banding, and rounds to bytes."""
    noise = rng.normal(0, grain, picture.shape[:2])[..., None]
    return np.asarray(np.clip(picture + noise, 0, 255).astype(np.uint8))


def linear(size: tuple[int, int], first: Colour, second: Colour, degrees: float = 90) -> Field:
    """A straight gradient; 90 degrees runs from top to bottom."""
    x, y = coordinates(size)
    angle = np.deg2rad(degrees)
    along = x * np.cos(angle) + y * np.sin(angle)
    return blend(first, second, smooth(float(along.min()), float(along.max()), along))


def radial(
    size: tuple[int, int], inner: Colour, outer: Colour, centre: tuple[float, float], reach: tuple[float, float]
) -> Field:
    """A glow about a centre (parts of the short side from the middle), full up to reach[0], gone at reach[1]."""
    x, y = coordinates(size)
    return blend(inner, outer, smooth(reach[0], reach[1], np.hypot(x - centre[0], y - centre[1])))


def lit(picture: Field, size: tuple[int, int], colour: Colour, spot: tuple[float, float, float, float]) -> Field:
    """Adds an elliptic pool of light (x, y, half width, half height in parts of the short side)."""
    x, y = coordinates(size)
    distance = np.hypot((x - spot[0]) / spot[2], (y - spot[1]) / spot[3])
    return blend(picture, colour, 0.85 * (1 - smooth(0.0, 1.0, distance)))


def rays(size: tuple[int, int], first: Colour, second: Colour, centre: tuple[float, float], count: int) -> Field:
    """A sunburst of `count` beams that fade a little outwards."""
    x, y = coordinates(size)
    x, y = x - centre[0], y - centre[1]
    turn = np.arctan2(y, x) / (2 * np.pi) * count
    distance = np.hypot(x, y)
    edge = 0.006 * count / (distance + 0.05)
    beam = smooth(0.25, 0.25 + float(np.median(edge)) * 0.25, np.abs((turn % 1) - 0.5))
    return blend(first, second, beam * (0.45 + 0.55 * smooth(0.05, 0.75, distance)))


def dots(
    size: tuple[int, int], picture: Field, colour: Colour, pitch: float, fade: Callable[[Field, Field], Field]
) -> Field:
    """Lays a halftone over a picture; `fade(x, y)` gives the dots' size, 0 to 1."""
    x, y = coordinates(size)
    u, v = (x + y) / np.sqrt(2) / pitch, (x - y) / np.sqrt(2) / pitch
    distance = np.hypot((u % 1) - 0.5, (v % 1) - 0.5)
    radius = 0.52 * np.sqrt(np.clip(fade(x, y), 0, 1))
    return blend(picture, colour, 1 - smooth(-0.04, 0.04, distance - radius))


def stripes(size: tuple[int, int], first: Colour, second: Colour, pitch: float, degrees: float) -> Field:
    """Even stripes of two colours; `pitch` is a pair's width in parts of the short side."""
    x, y = coordinates(size)
    angle = np.deg2rad(degrees)
    along = (x * np.cos(angle) + y * np.sin(angle)) / pitch
    return blend(first, second, smooth(0.245, 0.255, np.abs((along % 1) - 0.5)))


def bokeh(size: tuple[int, int], picture: Field, colour: Colour, rng: np.random.Generator, count: int = 26) -> Field:
    """Scatters discs of light out of focus, mostly away from the middle."""
    x, y = coordinates(size)
    for _ in range(count):
        angle, distance = rng.uniform(0, 2 * np.pi), rng.uniform(0.3, 0.8)
        radius = rng.uniform(0.02, 0.09)
        reach = np.hypot(x - distance * np.cos(angle) * 0.9, y - distance * np.sin(angle))
        disc = (1 - smooth(radius * 0.86, radius, reach)) * rng.uniform(0.03, 0.12)
        picture = blend(picture, colour, disc)
    return picture


def room(size: tuple[int, int], wall: tuple[Colour, Colour], floor: tuple[Colour, Colour], horizon: float) -> Field:
    """A wall and a floor that meet softly at `horizon` (0 top, 1 bottom)."""
    height = size[1]
    _, y = coordinates(size)
    down = (y - y.min()) / (y.max() - y.min())
    wall_part = blend(wall[0], wall[1], smooth(0, horizon, down))
    floor_part = blend(floor[0], floor[1], smooth(horizon, 1, down))
    seam = 2.0 / height
    return blend(wall_part, floor_part, smooth(horizon - seam, horizon + seam, down))


def vignette(picture: Field, size: tuple[int, int], depth: float) -> Field:
    """Darkens the corners."""
    x, y = coordinates(size)
    return np.asarray(picture * (1 - depth * smooth(0.45, 0.95, np.hypot(x * 0.9, y * 0.9)))[..., None])
