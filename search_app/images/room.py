"""Very large pictures: how much of them may be in memory at once, and how they become small before they become RGB."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image

from search_app.images.colour import grey_range, to_rgb

LARGE_PIXELS = 2**25
"""From so many on a picture is made RGB in strips: 128 MB as Pillow holds them."""
ROOM_PIXELS = 2**26
"""Pixels of pictures that are decoded at the same time, of whatever many threads; a larger picture is alone."""
_STRIP_PIXELS = 2**20
_WEIGHTS = {"WEBP": 4, "AVIF": 3}
"""Times four bytes a pixel is what decoding takes at its peak, measured at 41 million pixels; 1 where not named.
libwebp holds two canvases and a copy beside the picture, libavif planes of brightness and colour and a copy."""


def weighed(pixels: int, format_name: str) -> int:
    """Pixels of a format counted by the memory that decoding them takes, in those of a plain picture."""
    return pixels * _WEIGHTS.get(format_name, 1)


class Room:
    """Lets threads wait until there is room for the pixels that they are about to decode."""

    def __init__(self, pixels: int) -> None:
        self._all = self._free = pixels
        self._changed = threading.Condition()

    @contextmanager
    def taken(self, pixels: int) -> Iterator[None]:
        """Hold room for `pixels`, or all there is for a picture that is larger still."""
        wanted = min(pixels, self._all)
        with self._changed:
            self._changed.wait_for(lambda: self._free >= wanted)
            self._free -= wanted
        try:
            yield
        finally:
            with self._changed:
                self._free += wanted
                self._changed.notify_all()


def rgb_in_strips(image: Image.Image, reduce_by: int) -> Image.Image:
    """What `to_rgb(image)` gives, reduced by a whole number; beside the picture only strips of it are in memory."""
    width, height = image.size
    rows = max(1, _STRIP_PIXELS // width // reduce_by) * reduce_by
    shades = grey_range(image)
    whole = Image.new("RGB", (-(-width // reduce_by), -(-height // reduce_by)))
    for top in range(0, height, rows):
        strip = to_rgb(image.crop((0, top, width, min(height, top + rows))), shades)
        whole.paste(strip.reduce(reduce_by) if reduce_by > 1 else strip, (0, top // reduce_by))
    return whole
