"""From a file's bytes to an RGB picture the right way up; whatever is wrong with the file is one `ImageError`."""

import io
import os
import stat
import threading
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageFile
from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from search_app.errors import BrokenImage, ImageError, ImageTooLarge, NotAnImage, Unreadable
from search_app.images.colour import to_rgb
from search_app.images.exif import orientation_and_date
from search_app.images.formats import HEAD_BYTES, describe_content, sniff_format, webp_size
from search_app.images.room import LARGE_PIXELS, ROOM_PIXELS, Room, rgb_in_strips, weighed

MAX_FILE_BYTES = 2**30
"""Larger files are not read: the default pixel limit in 16 bits a channel, uncompressed, comes to this."""

_READERS: dict[str, type[ImageFile.ImageFile]] = {
    "JPEG": JpegImageFile,
    "PNG": PngImageFile,
    "WEBP": WebPImageFile,
    "GIF": GifImageFile,
    "BMP": BmpImageFile,
    "TIFF": TiffImageFile,
    "AVIF": AvifImageFile,
}
"""Made directly, not by `Image.open`: no other format is ever opened, and a stereo JPEG is plainly its first frame."""

_END_OF_JPEG = b"\xff\xd9"

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF orientation -> what undoes it; from 5 on width and height change places."""

# Pillow's limit is one number for the whole process that warns at one size and raises at another; ours is an argument.
Image.MAX_IMAGE_PIXELS = None
_FILTER_LOCK = threading.Lock()
_ROOM = Room(ROOM_PIXELS)


@dataclass(frozen=True, slots=True)
class DecodedImage:
    """One picture, the right way up."""

    image: Image.Image
    """RGB, loaded; smaller than `width` x `height` where a JPEG was decoded at a reduced scale."""
    width: int
    """Pixels of the original, after the EXIF turn."""
    height: int
    format: str
    """Pillow's name of the format the content has: JPEG, PNG, WEBP, GIF, BMP, TIFF, AVIF."""
    taken: str = ""
    """When the camera says it was taken, ISO 8601; empty: not known."""


def decode_image(path: Path, *, max_pixels: int, min_size: tuple[int, int] | None = None) -> DecodedImage:
    """Read and decode one file; see `read_image_file` and `decode_bytes`."""
    return decode_bytes(read_image_file(path), max_pixels=max_pixels, min_size=min_size)


def read_image_file(path: Path) -> bytes:
    """Read a whole regular file, following links.

    Raises `Unreadable` where the system refuses or it is a FIFO, socket or device (which is never opened), and
    `ImageTooLarge` beyond `MAX_FILE_BYTES`.
    """
    try:
        _check_file(path.stat())
        # Not blocking: between the check and the opening the file may have become a FIFO.
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        with os.fdopen(os.open(path, flags), "rb") as file:
            status = os.fstat(file.fileno())
            _check_file(status)
            return file.read(status.st_size)  # what a file that grows has now: the next run sees that it changed
    except (OSError, ValueError) as error:  # ValueError: a path with a zero byte
        raise Unreadable(f"cannot be read: {getattr(error, 'strerror', None) or error}") from error
    except MemoryError as error:
        raise ImageTooLarge("more bytes than there is free memory") from error


def decode_bytes(data: bytes, *, max_pixels: int, min_size: tuple[int, int] | None = None) -> DecodedImage:
    """Decode the first frame of a JPEG, PNG, WebP, GIF, BMP, TIFF or AVIF to RGB.

    `min_size` is the (height, width) an encoder needs: a JPEG is then decoded at 1/2, 1/4 or 1/8 scale as long as both
    sides stay at least twice the larger of the two (four times where the scale does not divide the sides). A JPEG
    that lacks no more than its last rows is accepted. Safe to call from several threads.

    Raises `NotAnImage`, `ImageTooLarge` (told from the header, before anything is decoded) or `BrokenImage`.
    """
    head = data[:HEAD_BYTES]
    if not data:
        raise NotAnImage("the file is empty")
    format_name = sniff_format(head)
    if format_name is None:
        raise NotAnImage(f"the content is {describe_content(head)}, not a picture ({', '.join(_READERS)})")
    _silence_pillow()
    try:
        return _decode(data, format_name, min_size, max_pixels)
    except ImageError:
        raise
    except MemoryError as error:
        raise ImageTooLarge("the picture needs more memory than is free: lower SEARCH_WORKERS or shrink it") from error
    except Exception as error:  # the boundary: hostile bytes make Pillow raise nearly every built-in exception
        raise BrokenImage(f"damaged or unusual {format_name}: {str(error) or type(error).__name__}") from error


def _check_file(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise Unreadable("not a regular file (a folder, FIFO, socket or device)")
    if status.st_size > MAX_FILE_BYTES:
        raise ImageTooLarge(f"a file of {status.st_size / 2**30:.1f} GiB; pictures of up to 1 GiB are read")


def _silence_pillow() -> None:
    """Keep Pillow's remarks on odd metadata off the user's terminal.

    `catch_warnings` is not safe in threads; a filter of our own is, put back each time because tests and notebooks
    restore older lists. The lock keeps two threads from adding it twice.
    """
    with _FILTER_LOCK:
        warnings.filterwarnings("ignore", module=r"PIL\.")


def _decode(data: bytes, format_name: str, min_size: tuple[int, int] | None, max_pixels: int) -> DecodedImage:
    if format_name == "WEBP" and (canvas := webp_size(data[:HEAD_BYTES])):
        _check_pixels(canvas, format_name, max_pixels)
    source = _READERS[format_name](io.BytesIO(data))
    width, height = source.size
    _check_pixels(source.size, format_name, max_pixels)
    _draft(source, min_size)
    with _ROOM.taken(weighed(source.width * source.height, format_name)):
        source = _load(source, data, min_size)
        orientation, taken = orientation_and_date(source)
        image = _rgb(source, min_size)
    if orientation in _TURNS:
        image = image.transpose(_TURNS[orientation])
        if orientation >= 5:
            width, height = height, width
    image.info.clear()  # profiles, thumbnails and text of the file: nobody reads them, and saving would copy some
    return DecodedImage(image, width, height, format_name, taken)


def _check_pixels(size: tuple[int, int], format_name: str, max_pixels: int) -> None:
    width, height = size
    weight = weighed(1, format_name)
    if width * height * weight > max_pixels:
        told = "" if weight == 1 else f" / {weight} (what decoding {format_name} takes)"
        raise ImageTooLarge(
            f"{width} x {height} = {width * height:,} pixels, the limit is {max_pixels:,}{told}: "
            "raise SEARCH_MAX_PIXELS if the picture is meant to be that large"
        )


def _draft(source: ImageFile.ImageFile, min_size: tuple[int, int] | None) -> None:
    """Let libjpeg decode at a reduced scale; both sides are held to the same size, so the EXIF turn does not matter.

    A scale that does not divide both sides moves things by up to a pixel; it must leave so many that none will see it.
    """
    if min_size is None or not isinstance(source, JpegImageFile):
        return
    scale = _scale(source.size, min_size)
    if scale > 1:
        source.draft(None, (source.width // scale, source.height // scale))


def _scale(size: tuple[int, int], min_size: tuple[int, int]) -> int:
    """By how much both sides can be divided so that enough is left of both."""
    width, height = size
    for scale in (8, 4, 2):
        is_exact = width % scale == height % scale == 0
        if min(width, height) // scale >= (2 if is_exact else 4) * max(min_size):
            return scale
    return 1


def _rgb(source: ImageFile.ImageFile, min_size: tuple[int, int] | None) -> Image.Image:
    """RGB; of a picture that would fill the memory twice over only as much as is needed."""
    if source.width * source.height < LARGE_PIXELS:
        return to_rgb(source)
    scale = 1 if min_size is None else _scale(source.size, min_size)
    is_plain = source.mode == "RGB" and not source.has_transparency_data
    return source if scale == 1 and is_plain else rgb_in_strips(source, scale)


def _load(source: ImageFile.ImageFile, data: bytes, min_size: tuple[int, int] | None) -> ImageFile.ImageFile:
    """Load what `data` was opened as; a JPEG without an end gets a second chance."""
    if not isinstance(source, JpegImageFile):
        source.load()
        return source
    kept = data.rstrip(b"\0")
    # Zero bytes in place of the end are what an interrupted copy leaves; libjpeg would take them for picture.
    is_filled_up = len(data) - len(kept) >= 64 and not kept.endswith(_END_OF_JPEG)
    if not is_filled_up:
        try:
            source.load()
        except OSError:
            pass
        else:
            return source
    return _load_cut_jpeg(kept + _END_OF_JPEG, min_size)


def _load_cut_jpeg(data: bytes, min_size: tuple[int, int] | None) -> JpegImageFile:
    """Load a JPEG that was cut and got an end marker; what it lacks comes out in the grey of zero coefficients.

    Raises `BrokenImage` where that is more than the last rows, or of a progressive one more than the finest detail.
    """
    source = JpegImageFile(io.BytesIO(data))
    _draft(source, min_size)
    source.load()
    pixels = np.asarray(source)
    # Unsigned arithmetic wraps round: false for 126 to 129 only.
    filled = np.flatnonzero((pixels - np.uint8(126) > 3).reshape(source.height, -1).any(axis=1))
    missing = source.height - 1 - (int(filled[-1]) if filled.size else -1)
    if missing * 16 > source.height:
        raise BrokenImage(f"the file ends too early: the lower {missing / source.height:.0%} of the picture is missing")
    if source.info.get("progressive") and not _is_last_scan(data):
        raise BrokenImage("the file ends too early: most of the picture's detail is missing")
    return source


def _is_last_scan(data: bytes) -> bool:
    """Whether the last scan of a progressive JPEG is one that refines the last bit (`Al` is 0, ITU-T T.81, B.2.3)."""
    scan = data.rfind(b"\xff\xda")
    approximation = data[scan + 7 + 2 * data[scan + 4] :][:1]
    return approximation != b"" and approximation[0] & 0x0F == 0
