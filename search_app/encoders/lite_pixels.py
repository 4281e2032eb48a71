"""From a picture to the pixels of EfficientNet-Lite2."""

import numpy as np
from PIL import Image

from search_app.datatypes import PixelArray

IMAGE_SIZE = 260
PREPARE_VERSION = 1
"""Part of the fingerprint: grows whenever `prepare` would give other pixels."""


def prepare(image: Image.Image) -> PixelArray:
    """Cut an RGB picture to the square root of its aspect ratio around the centre, then resize to a square.

    Half of an oblong shape is cut and half is squeezed: less is lost than by a square cut, less is bent than by
    squeezing alone. Returns uint8 (260, 260, 3).
    """
    width, height = image.size
    root = (width / height) ** 0.5
    kept_width, kept_height = min(float(width), height * root), min(float(height), width / root)
    left, top = (width - kept_width) / 2, (height - kept_height) / 2
    square = image.resize(
        (IMAGE_SIZE, IMAGE_SIZE),
        Image.Resampling.BICUBIC,
        box=(left, top, left + kept_width, top + kept_height),
        reducing_gap=2.0,
    )
    return np.asarray(square, dtype=np.uint8)
