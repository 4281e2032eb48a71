"""From a picture to the pixels an image tower takes: open_clip's own transform in Pillow and numpy, without torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from PIL import Image

from search_app.datatypes import PixelArray

# The resized picture may have this many times the pixels that are kept of it. torchvision resizes first and crops
# then: a picture of 1 x 20,000 pixels becomes 224 x 4,480,000, three gigabytes, of which 224 x 224 are kept.
MAX_RESIZED_TO_KEPT = 64

FILTERS = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}


@dataclass(frozen=True, slots=True)
class ImageTransform:
    """How a model was trained to see a picture."""

    size: tuple[int, int]
    """(height, width)."""
    mean: tuple[float, float, float]
    """Of red, green and blue, where white is 1."""
    std: tuple[float, float, float]
    interpolation: Literal["bicubic", "bilinear"] = "bicubic"
    resize_mode: Literal["shortest", "longest", "squash"] = "shortest"
    """`shortest` covers the frame and crops, `longest` fits inside and pads, `squash` ignores the aspect ratio."""
    fill_color: int = 0
    """Grey level of the padding."""

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Read open_clip's `preprocess_cfg`, where sizes, means and deviations may be one number for all."""
        size, mean, std = config["size"], config["mean"], config["std"]
        return cls(
            size=(int(size), int(size)) if isinstance(size, int) else (int(size[0]), int(size[1])),
            mean=(mean, mean, mean) if isinstance(mean, float | int) else tuple(mean),
            std=(std, std, std) if isinstance(std, float | int) else tuple(std),
            interpolation="bilinear" if config["interpolation"] == "bilinear" else "bicubic",
            resize_mode=config["resize_mode"],
            fill_color=config["fill_color"],
        )

    def prepare(self, image: Image.Image) -> PixelArray:
        """Bring an RGB picture to `size`; uint8 (height, width, 3).

        Equals open_clip's transform bit for bit, except on pictures so long that the resized one would have over
        `MAX_RESIZED_TO_KEPT` times the pixels that are kept. Of those only what is kept is computed; Pillow may take
        its two passes in the other order then, and a few grey levels change where a filter overshoots.
        """
        height, width = self.size
        across, down = self._resized(*image.size)
        left, top = round((across - width) / 2), round((down - height) / 2)
        if self.resize_mode == "longest":
            frame = Image.new("RGB", (width, height), (self.fill_color,) * 3)
            frame.paste(image.resize((across, down), self._filter), ((width - across) // 2, (height - down) // 2))
            return np.asarray(frame)
        if across * down <= MAX_RESIZED_TO_KEPT * width * height:
            resized = image.resize((across, down), self._filter)
            return np.asarray(resized.crop((left, top, left + width, top + height)))
        x, y = image.width / across, image.height / down
        box = (left * x, top * y, (left + width) * x, (top + height) * y)
        return np.asarray(image.resize((width, height), self._filter, box))

    @property
    def _filter(self) -> Image.Resampling:
        # open_clip resizes to a frame that is not square with its default filter, whatever the model's says.
        covers_oblong = self.resize_mode == "shortest" and self.size[0] != self.size[1]
        return Image.Resampling.BICUBIC if covers_oblong else FILTERS[self.interpolation]

    def _resized(self, across: int, down: int) -> tuple[int, int]:
        """(width, height) of the whole picture after resizing, rounded as torchvision and open_clip round."""
        height, width = self.size
        if self.resize_mode == "squash":
            return width, height
        if self.resize_mode == "shortest" and height == width:
            return (width, int(width * down / across)) if across <= down else (int(width * across / down), width)
        choose = max if self.resize_mode == "longest" else min
        ratio = choose(down / height, across / width)
        return max(1, round(across / ratio)), max(1, round(down / ratio))
