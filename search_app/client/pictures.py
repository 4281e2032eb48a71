"""Pictures to search with: a path, the bytes of a file, or an image of Pillow, which itself is not imported."""

from io import BytesIO
from os import PathLike
from pathlib import Path
from typing import Any, Protocol, TypeAlias

SENT_SIDE = 2_048
"""Pixels of the longer side that an image of Pillow is sent with: encoders look at less, and bodies have a limit."""
_KEPT_MODES = {"L", "LA", "P", "RGB", "RGBA", "1"}


class PillowImage(Protocol):
    """What is used of `PIL.Image.Image`."""

    @property
    def mode(self) -> str:
        """Of its pixels."""

    def copy(self) -> Any:
        """The same again."""


Picture: TypeAlias = bytes | str | PathLike[str] | PillowImage


def picture_bytes(picture: Picture) -> bytes:
    """The file to be sent; raises `OSError` where a path cannot be read."""
    if isinstance(picture, bytes):
        return picture
    if isinstance(picture, (str, PathLike)):
        return Path(picture).read_bytes()
    return _png(picture)


def picture_name(picture: Picture) -> str:
    """The name of the file that a picture comes from; empty where it comes from none."""
    return Path(picture).name if isinstance(picture, (str, PathLike)) else ""


def _png(image: PillowImage) -> bytes:
    """PNG loses nothing. The EXIF goes along, as it may say how the picture is turned."""
    exif = image.getexif() if hasattr(image, "getexif") else None
    small = image.copy() if image.mode in _KEPT_MODES else image.copy().convert("RGB")
    small.thumbnail((SENT_SIDE, SENT_SIDE))
    buffer = BytesIO()
    small.save(buffer, "PNG", exif=exif)
    return buffer.getvalue()
