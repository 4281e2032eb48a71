"""Small versions of pictures for the search page."""

import io
from pathlib import Path

from search_app.images.decode import decode_bytes, read_image_file

THUMBNAIL_MIME = "image/jpeg"
"""The media type of what `make_thumbnail` returns."""


def make_thumbnail(path: Path, *, max_pixels: int, size: int = 320) -> bytes:
    """A JPEG of at most `size` x `size` pixels, the right way up, without the original's metadata.

    Smaller pictures keep their size. Raises `ImageError` as `decode_image` does.
    """
    return thumbnail_of(read_image_file(path), max_pixels=max_pixels, size=size)


def thumbnail_of(data: bytes, *, max_pixels: int, size: int = 320) -> bytes:
    """The same of a file that was read; raises `ImageError` as `decode_bytes` does."""
    # Decoding leaves twice what it is asked for, for encoders; an eye is content with once.
    half = (size + 1) // 2
    image = decode_bytes(data, max_pixels=max_pixels, min_size=(half, half)).image
    image.thumbnail((size, size))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=82)
    return buffer.getvalue()
