"""Colours, palettes and the contrast rule every line of text is measured against."""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from sample.compose.errors import ComposeError

Colour: TypeAlias = tuple[int, int, int]
Pixels: TypeAlias = NDArray[np.uint8]

WHITE: Colour = (255, 255, 255)
LEAST_CONTRAST = 4.5


@dataclass(frozen=True)
class Palette:
    """The colours of one poster: the ground, its darker companion, a loud accent and a light tint."""

    base: Colour
    shade: Colour
    accent: Colour
    pale: Colour

    @property
    def dark(self) -> Colour:
        """A near-black with a trace of the shade."""
        return mix(self.shade, (8, 8, 10), 0.82)

    @property
    def inks(self) -> tuple[Colour, ...]:
        """Text colours to try in turn when a layout's own choice does not stand out."""
        return (self.pale, WHITE, self.dark, (8, 8, 10))


def parse(text: str) -> Colour:
    """Returns the colour of a `#rrggbb` string."""
    value = int(text.removeprefix("#"), 16)
    return (value >> 16 & 255, value >> 8 & 255, value & 255)


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """Returns the blend of two colours, `share` being the part of the second."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return (red, green, blue)


def luminance(pixels: Pixels) -> NDArray[np.float64]:
    """Returns the relative luminance (WCAG 2.2) of sRGB pixels (..., 3), 0 to 1."""
    linear = pixels.astype(np.float64) / 255
    linear = np.where(linear <= 0.04045, linear / 12.92, ((linear + 0.055) / 1.055) ** 2.4)
    return np.asarray(linear @ np.array([0.2126, 0.7152, 0.0722]), dtype=np.float64)


def contrast(ink: Colour, ground: Pixels) -> float:
    """Returns the lower WCAG contrast ratio of an ink against the light and the dark end of the pixels under it."""
    own = float(luminance(np.array(ink, dtype=np.uint8)))
    ends = np.percentile(luminance(ground), (3, 97))
    return float(min((max(own, end) + 0.05) / (min(own, end) + 0.05) for end in ends.tolist()))


def readable_ink(wanted: Iterable[Colour], ground: Pixels) -> Colour:
    """Returns the first wanted colour that stands out enough from the pixels under it.

    Raises:
        ComposeError: None of them reaches the contrast asked for.
    """
    for ink in wanted:
        if contrast(ink, ground) >= LEAST_CONTRAST:
            return ink
    mean = ground.reshape(-1, 3).mean(axis=0).round().tolist()
    raise ComposeError(f"no ink reaches contrast {LEAST_CONTRAST} on a ground of mean colour {mean}")


def load_palettes(path: Path) -> dict[str, Palette]:
    """Reads the named palettes from a TOML file of `name = [base, shade, accent, pale]`."""
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    return {name: Palette(*(parse(colour) for colour in colours)) for name, colours in table.items()}
