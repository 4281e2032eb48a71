"""What a camera wrote into a picture: which way is up and when it was taken. Damage there must not cost the picture."""

import re
from datetime import datetime

from PIL import Image
from PIL.ExifTags import IFD
from PIL.ExifTags import Base as ExifTag

_DATE = re.compile(r"(\d{4}):(\d\d):(\d\d) (\d\d):(\d\d):(\d\d)", re.ASCII)
_OFFSET = re.compile(r"[+-](0\d|1[0-4]):[0-5]\d", re.ASCII)
_FIRST_YEAR = 1826
"""Of the oldest photograph that is left."""


def orientation_and_date(source: Image.Image) -> tuple[int, str]:
    """The EXIF orientation, 1 to 8, and when the picture was taken; 1 and empty where that is not known."""
    try:
        exif = source.getexif()
        orientation = exif.get(ExifTag.Orientation, 1)
    except Exception:  # noqa: BLE001 - as in `decode.decode_bytes`: EXIF is written by anything
        return 1, ""
    try:
        details = exif.get_ifd(IFD.Exif)
        taken = iso_date(details.get(ExifTag.DateTimeOriginal), details.get(ExifTag.OffsetTimeOriginal))
    except Exception:  # noqa: BLE001 - the same
        taken = ""
    return orientation if isinstance(orientation, int) else 1, taken


def iso_date(date: object, offset: object = None) -> str:
    """A date as EXIF writes it, and its offset from UTC, in ISO 8601; empty where it is none.

    Cameras without a clock write zeros or blanks. An offset that is none is left out.
    """
    match = _DATE.fullmatch(date.strip("\0 ")) if isinstance(date, str) else None
    if match is None:
        return ""
    year, month, day, hour, minute, second = map(int, match.groups())
    try:
        moment = datetime(year, month, day, hour, minute, second)  # noqa: DTZ001 - the camera's local time
    except ValueError:
        return ""
    if moment.year < _FIRST_YEAR:
        return ""
    zone = offset.strip("\0 ") if isinstance(offset, str) else ""
    return moment.isoformat() + (zone if _OFFSET.fullmatch(zone) else "")
