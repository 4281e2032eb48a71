"""The dominant colours of a picture, by the eleven basic colour terms.

Colours are told apart in OKLCh (B. Ottosson, "A perceptual color space for image processing", 2020): lightness, chroma
and hue as people see them. Where one name ends and the next begins is set by hand after the CSS colours of those names.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from search_app.datatypes import COLOURS

_GRID = 48
"""A picture is looked at in so many points each way: nearest ones, so that no edge mixes a colour that is not there."""
_BITS = 5
"""Of each of red, green and blue: names change so little with the rest that a table of 32,768 colours will do."""
_LEAST_SHARE = 0.12
_MOST = 4


def dominant_colours(image: Image.Image) -> tuple[str, ...]:
    """The names, out of `COLOURS`, of what covers an eighth of the picture or more: most area first, at most four.

    `image` is RGB. Where everything is small, the largest alone.
    """
    pixels = np.asarray(image.resize((_GRID, _GRID), Image.Resampling.NEAREST)).reshape(-1, 3) >> (8 - _BITS)
    codes = (pixels[:, 0].astype(np.int32) << (2 * _BITS)) | (pixels[:, 1].astype(np.int32) << _BITS) | pixels[:, 2]
    areas = np.bincount(_table()[codes], minlength=len(COLOURS)) / len(codes)
    order = np.argsort(-areas, kind="stable")[:_MOST]
    return tuple(COLOURS[index] for place, index in enumerate(order) if not place or areas[index] >= _LEAST_SHARE)


@lru_cache(maxsize=1)
def _table() -> NDArray[np.uint8]:
    """The name, as a place in `COLOURS`, of each colour of `_BITS` bits a channel; shape (32768,)."""
    levels = (np.arange(2**_BITS) + 0.5) * 2 ** (8 - _BITS)
    levels[0], levels[-1] = 0, 255  # so that black is black and white is white
    red, green, blue = np.meshgrid(levels, levels, levels, indexing="ij")
    return name_places(np.stack([red, green, blue], axis=-1).reshape(-1, 3))


def name_places(rgb: NDArray[np.floating]) -> NDArray[np.uint8]:
    """The place in `COLOURS` of each colour, (n, 3) from 0 to 255."""
    light, chroma, hue = _oklch(rgb / 255)
    # Dark and pale colours look grey at a chroma that is plain to see in the middle.
    is_grey = chroma < np.interp(light, [0.0, 0.3, 0.6, 0.9, 1.0], [0.08, 0.045, 0.035, 0.035, 0.05])
    rules = [
        (light < 0.24, "black"),
        (is_grey & (light < 0.33), "black"),
        (is_grey & (light > 0.91), "white"),
        (_between(hue, 38, 90) & (light > 0.9) & (chroma < 0.075), "white"),
        (is_grey, "grey"),
        (_between(hue, 350, 12) & (light < 0.5), "purple"),
        (_between(hue, 350, 12), "pink"),
        (_between(hue, 12, 38) & (light > 0.72) & (chroma < 0.16), "pink"),
        (_between(hue, 38, 50) & (light > 0.82), "pink"),
        (_between(hue, 12, 38) & (light < 0.75) & (chroma < 0.10), "brown"),
        (_between(hue, 12, 38), "red"),
        (_between(hue, 38, 82) & ((chroma < 0.09) | (light < 0.6) | ((light < 0.7) & (chroma < 0.13))), "brown"),
        (_between(hue, 38, 82), "orange"),
        (_between(hue, 82, 100) & ((light < 0.6) | ((light < 0.8) & (chroma < 0.07))), "brown"),
        (_between(hue, 82, 114) & (light > 0.65), "yellow"),
        (_between(hue, 82, 188), "green"),
        (_between(hue, 188, 282), "blue"),
        (_between(hue, 318, 350) & (light > 0.6), "pink"),
        (_between(hue, 282, 350), "purple"),
    ]
    names = np.select([where for where, _ in rules], [COLOURS.index(name) for _, name in rules])
    return names.astype(np.uint8)


def _between(hue: NDArray[np.floating], first: float, last: float) -> NDArray[np.bool_]:
    """Whether hues, in degrees, lie on the way from one to the other."""
    return (hue - first) % 360 < (last - first) % 360


def _oklch(srgb: NDArray[np.floating]) -> tuple[NDArray[np.floating], NDArray[np.floating], NDArray[np.floating]]:
    """Lightness 0 to 1, chroma 0 to about 0.32 and hue in degrees of colours (n, 3) from 0 to 1."""
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    cones = linear @ np.array(
        [
            [0.4122214708, 0.2119034982, 0.0883024619],
            [0.5363325363, 0.6806995451, 0.2817188376],
            [0.0514459929, 0.1073969566, 0.6299787005],
        ]
    )
    lab = np.cbrt(cones) @ np.array(
        [
            [0.2104542553, 1.9779984951, 0.0259040371],
            [0.7936177850, -2.4285922050, 0.7827717662],
            [-0.0040720468, 0.4505937099, -0.8086757660],
        ]
    )
    return lab[:, 0], np.hypot(lab[:, 1], lab[:, 2]), np.degrees(np.arctan2(lab[:, 2], lab[:, 1])) % 360
