"""The date that a camera wrote, and what else may stand in its place."""

import io

import pytest
from PIL import Image
from PIL.ExifTags import IFD
from PIL.ExifTags import Base as ExifTag
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from search_app.images.decode import decode_bytes
from search_app.images.exif import iso_date


def photographed(date: object, offset: str | None = None, format_name: str = "JPEG") -> bytes:
    exif = Image.Exif()
    exif[ExifTag.Orientation] = 6
    exif.get_ifd(IFD.Exif)[ExifTag.DateTimeOriginal] = date
    if offset is not None:
        exif.get_ifd(IFD.Exif)[ExifTag.OffsetTimeOriginal] = offset
    buffer = io.BytesIO()
    Image.new("RGB", (40, 20), "red").save(buffer, format_name, exif=exif)
    return buffer.getvalue()


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "WEBP"])
def test_a_picture_brings_the_date_it_was_taken(format_name: str) -> None:
    decoded = decode_bytes(photographed("2024:05:31 18:30:05", "+02:00", format_name), max_pixels=10_000)
    assert decoded.taken == "2024-05-31T18:30:05+02:00"
    assert (decoded.width, decoded.height) == (20, 40)


def test_a_tiff_brings_its_date_too() -> None:
    details = ImageFileDirectory_v2()
    details[IFD.Exif] = {ExifTag.DateTimeOriginal: "2024:05:31 18:30:05"}
    buffer = io.BytesIO()
    Image.new("RGB", (40, 20), "red").save(buffer, "TIFF", tiffinfo=details)
    assert decode_bytes(buffer.getvalue(), max_pixels=10_000).taken == "2024-05-31T18:30:05"


def test_a_picture_without_a_date_has_none() -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (40, 20)).save(buffer, "JPEG")
    assert decode_bytes(buffer.getvalue(), max_pixels=10_000).taken == ""


def test_damaged_exif_costs_the_date_only() -> None:
    data = photographed("2024:05:31 18:30:05")
    tag = ExifTag.DateTimeOriginal.value.to_bytes(2, "big")
    place = data.index(tag) if tag in data else data.index(tag[::-1])
    damaged = data[: place + 8] + b"\xff\xff\xff\x7f" + data[place + 12 :]
    decoded = decode_bytes(damaged, max_pixels=10_000)
    assert decoded.taken == ""
    assert decoded.image.size == (20, 40)


@pytest.mark.parametrize(
    ("date", "offset", "expected"),
    [
        ("2024:05:31 18:30:05", None, "2024-05-31T18:30:05"),
        ("2024:05:31 18:30:05\0", "-07:30", "2024-05-31T18:30:05-07:30"),
        ("2024:05:31 18:30:05", "summer", "2024-05-31T18:30:05"),
        ("2024:05:31 18:30:05", "+99:99", "2024-05-31T18:30:05"),
        ("0000:00:00 00:00:00", None, ""),
        ("    :  :     :  :  ", None, ""),
        ("2024:02:30 00:00:00", None, ""),
        ("0001:01:01 00:00:00", None, ""),
        ("2024-05-31 18:30:05", None, ""),
        (b"2024:05:31 18:30:05", None, ""),
        (None, None, ""),
        (2024, 5, ""),
    ],
)
def test_what_is_no_date_is_none(date: object, offset: object, expected: str) -> None:
    assert iso_date(date, offset) == expected
