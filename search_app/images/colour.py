"""From any of Pillow's modes to RGB as a viewer would show it: scaled not clipped, transparency over white."""

import io

import numpy as np
from PIL import Image, ImageCms
from PIL.TiffImagePlugin import BITSPERSAMPLE, TiffImageFile

_DEEP_GREY = frozenset({"I", "F", "I;16", "I;16L", "I;16B", "I;16N"})
_AT_ONCE = 2**20


def to_rgb(image: Image.Image, shades: tuple[float, float] | None = None) -> Image.Image:
    """Convert a loaded picture to RGB; one that is RGB already and opaque is returned as it is.

    `shades` is the `grey_range` of the whole, where `image` is a part of a picture.

    An embedded ICC profile is applied to CMYK only, where doing without is visibly wrong. RGB keeps its numbers, as in
    the pictures that encoders were trained on.
    """
    if image.mode in _DEEP_GREY:
        return _scale_grey(image, *(shades or grey_range(image) or (0, 1))).convert("RGB")
    if image.has_transparency_data:
        return _over_white(image)
    if image.mode == "CMYK":
        return _from_cmyk(image)
    return image if image.mode == "RGB" else image.convert("RGB")


def _over_white(image: Image.Image) -> Image.Image:
    if image.mode == "La":  # Pillow has no direct way from premultiplied grey
        image = image.convert("LA")
    rgba = image.convert("RGBA")
    white = Image.new("RGB", rgba.size, "white")
    white.paste(rgba, mask=rgba.getchannel("A"))
    return white


def _from_cmyk(image: Image.Image) -> Image.Image:
    profile = image.info.get("icc_profile")
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            rgb = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
        except (ImageCms.PyCMSError, OSError):
            pass  # a profile that is damaged or not for CMYK: the plain conversion is near enough
        else:
            if rgb is not None:
                return rgb
    return image.convert("RGB")


def _scale_grey(image: Image.Image, low: float, high: float) -> Image.Image:
    """Grey of 16 or 32 bits, whole or real numbers, to eight bits.

    The transparent shade of a 16-bit PNG, if it names one, becomes white.
    """
    values = np.asarray(image).astype(np.float32)
    with np.errstate(over="ignore"):  # infinities are clipped
        grey = (np.nan_to_num(values, nan=low) - np.float32(low)) * np.float32(255 / (high - low))
    shades = grey.round().clip(0, 255).astype(np.uint8)
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        shades[values == transparent] = 255
    return Image.fromarray(shades)


def grey_range(image: Image.Image) -> tuple[float, float] | None:
    """The values that stand for black and white in grey of more than eight bits; None for all other pictures.

    Files with more than 16 bits do not say, so the smallest of the usual scales that holds all values is taken; where
    some are negative or larger still, the darkest and the lightest one.
    """
    if image.mode not in _DEEP_GREY:
        return None
    if image.mode.startswith("I;16"):
        is_12_bit = isinstance(image, TiffImageFile) and image.tag_v2.get(BITSPERSAMPLE) == (12,)
        return 0, 4095 if is_12_bit else 65535
    low, high = _finite_range(image)
    for scale in (1.0, 255.0, 65535.0) if image.mode == "F" else (255.0, 65535.0):
        if low >= 0 and high <= scale:
            return 0, scale
    return low, max(high, low + 1)


def _finite_range(image: Image.Image) -> tuple[float, float]:
    """The least and the greatest number in a picture, row by row: of all at once there would be three copies."""
    found = []
    rows = max(1, _AT_ONCE // image.width)
    for top in range(0, image.height, rows):
        values = np.asarray(image.crop((0, top, image.width, min(image.height, top + rows)))).astype(np.float32)
        finite = values[np.isfinite(values)]
        if finite.size:
            found += [float(finite.min()), float(finite.max())]
    return (min(found), max(found)) if found else (0.0, 0.0)
