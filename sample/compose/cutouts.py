"""Objects on a transparent ground: the body, the soft shadow it was rendered with, and other colours for it."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter, ImageOps

from sample.compose.errors import ComposeError

FEATHER = 36
LEAST_OPACITY = 60


@dataclass(frozen=True)
class Extent:
    """Where the body lies in its picture, in pixels."""

    x: int
    y: int
    w: int
    h: int


@dataclass(frozen=True)
class Cutout:
    """An object ready to be placed: picture with shadow, and the body's extent and silhouette."""

    name: str
    picture: Image.Image
    body: Extent
    solid: Image.Image


@dataclass(frozen=True)
class Tint:
    """A change of an object's own colours: degrees round the colour circle, factors of saturation and value."""

    hue: float = 0
    saturation: float = 1
    value: float = 1


def read_catalogue(folder: Path) -> dict[str, dict[str, str]]:
    """Reads `objects.json`: for each object its file, creator, licence and source."""
    entries = json.loads((folder / "objects.json").read_text(encoding="utf-8"))
    return {entry["name"]: entry for entry in entries}


def load_cutout(name: str, path: Path, patches: list[list[int]], tint: Tint, *, mirrored: bool) -> Cutout:
    """Loads an object; `patches` are rectangles of small print that is smoothed away.

    Raises:
        ComposeError: The file is not there.
    """
    if not path.is_file():
        raise ComposeError(f"object {name} is missing: {path}")
    with Image.open(path) as opened:
        picture = opened.convert("RGBA")
    for x, y, right, bottom in patches:
        patch = picture.crop((x, y, right, bottom)).filter(ImageFilter.GaussianBlur(9))
        picture.paste(patch, (x, y))
    if mirrored:
        picture = ImageOps.mirror(picture)
    pixels = np.array(picture)
    shadow = _is_shadow(pixels)
    pixels[..., 3] = np.where(shadow, _soft_shadow(pixels[..., 3]), pixels[..., 3])
    pixels[..., :3] = _tinted(pixels[..., :3], tint)
    solid = np.where(shadow, 0, pixels[..., 3])
    rows, columns = np.nonzero(solid > LEAST_OPACITY)
    body = Extent(int(columns.min()), int(rows.min()), int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1)
    window = solid[body.y : body.y + body.h, body.x : body.x + body.w]
    return Cutout(name, Image.fromarray(pixels), body, Image.fromarray(window))


def _is_shadow(pixels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return np.asarray((pixels[..., :3].max(axis=2) < 14) & (pixels[..., 3] < 215))


def _soft_shadow(alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Takes away the even darkness of the shadow catcher and fades what is left towards the picture's edge."""
    height, width = alpha.shape
    border = np.concatenate([alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1]]).astype(float)
    even = min(float(np.percentile(border[border < 200], 70)), 60) if (border < 200).any() else 0
    rows = np.minimum(np.arange(height), np.arange(height)[::-1])[:, None]
    columns = np.minimum(np.arange(width), np.arange(width)[::-1])[None, :]
    ramp = np.clip(np.minimum(rows, columns) / FEATHER, 0, 1)
    kept = np.clip(alpha - even, 0, 255) * (255 / (255 - even)) * (ramp * ramp * (3 - 2 * ramp))
    return np.asarray(kept.round(), dtype=np.uint8)


def _tinted(colours: NDArray[np.uint8], tint: Tint) -> NDArray[np.uint8]:
    """Changes the coloured parts; greys (tyres, chrome, glass) keep theirs."""
    if tint == Tint():
        return colours
    hsv = np.array(Image.fromarray(colours).convert("HSV")).astype(float)
    strength = np.clip((hsv[..., 1] - 50) / 60, 0, 1)
    hsv[..., 0] = (hsv[..., 0] + tint.hue / 360 * 256) % 256
    hsv[..., 1] *= 1 + (tint.saturation - 1) * strength
    hsv[..., 2] *= 1 + (tint.value - 1) * strength
    height, width = colours.shape[:2]
    changed = Image.frombytes("HSV", (width, height), np.clip(hsv, 0, 255).astype(np.uint8).tobytes())
    return np.asarray(changed.convert("RGB"))
