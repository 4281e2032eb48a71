"""From any of Pillow's modes to RGB as a viewer would show it: scaled not clipped, transparency over white."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms
from PIL.TiffImagePlugin import BITSPERSAMPLE, TiffImageFile

_DEEP_GREY = frozenset({"I", "F", "I;16", "I;16L", "I;16B", "I;16N"})


def to_rgb(image: Image.Image) -> Image.Image:
    """Convert a loaded picture to RGB; one that is RGB already and opaque is returned as it is.

    An embedded ICC profile is applied to CMYK only, where doing without is visibly wrong. RGB keeps its numbers, as in
    the pictures that encoders were trained on.
    """
    if image.mode in _DEEP_GREY:
        return _scale_grey(image).convert("RGB")
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


def _scale_grey(image: Image.Image) -> Image.Image:
    """Grey of 16 or 32 bits, whole or real numbers, to eight bits.

    The transparent shade of a 16-bit PNG, if it names one, becomes white.
    """
    values = np.asarray(image).astype(np.float32)
    low, high = _grey_range(image, values)
    with np.errstate(over="ignore"):  # infinities are clipped
        grey = (np.nan_to_num(values, nan=low) - np.float32(low)) * np.float32(255 / (high - low))
    shades = grey.round().clip(0, 255).astype(np.uint8)
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        shades[values == transparent] = 255
    return Image.fromarray(shades)


def _grey_range(image: Image.Image, values: NDArray[np.float32]) -> tuple[float, float]:
    """The values that stand for black and white.

    Files with more than 16 bits do not say, so the smallest of the usual scales that holds all values is taken; where
    some are negative or larger still, the darkest and the lightest one.
    """
    if image.mode.startswith("I;16"):
        is_12_bit = isinstance(image, TiffImageFile) and image.tag_v2.get(BITSPERSAMPLE) == (12,)
        return 0, 4095 if is_12_bit else 65535
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    for scale in (1.0, 255.0, 65535.0) if image.mode == "F" else (255.0, 65535.0):
        if low >= 0 and high <= scale:
            return 0, scale
    return low, max(high, low + 1)
