"""Thumbnails are small, the right way up and carry nothing of the original but its looks."""

import io

import pytest
from PIL import Image

from search_app.errors import NotAnImage
from search_app.images.thumbnails import THUMBNAIL_MIME, make_thumbnail
from tests.images.pictures import MANY_PIXELS, difference, encode, photo


@pytest.mark.parametrize(
    ("size", "expected"),
    [((1000, 700), (320, 224)), ((700, 1000), (224, 320)), ((1500, 1000), (320, 213)), ((90, 60), (90, 60))],
)
def test_it_fits_the_square_and_is_never_enlarged(tmp_path, size, expected):
    path = tmp_path / "a.jpg"
    path.write_bytes(encode(photo(*size), "JPEG", quality=92))
    with Image.open(io.BytesIO(make_thumbnail(path, max_pixels=MANY_PIXELS))) as thumbnail:
        assert (thumbnail.size, thumbnail.get_format_mimetype()) == (expected, THUMBNAIL_MIME)
        assert difference(thumbnail, photo(*size).resize(expected, Image.Resampling.BICUBIC)) < 6


def test_it_is_turned_and_carries_no_metadata(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "a camera"
    path = tmp_path / "a.jpg"
    path.write_bytes(encode(photo(400, 300), "JPEG", exif=exif, comment=b"a secret"))
    data = make_thumbnail(path, max_pixels=MANY_PIXELS, size=100)
    with Image.open(io.BytesIO(data)) as thumbnail:
        assert thumbnail.size == (75, 100)
        assert not thumbnail.getexif()
    assert b"a secret" not in data


def test_a_thin_line_stays_a_picture(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(encode(Image.new("RGB", (5000, 1)), "PNG"))
    with Image.open(io.BytesIO(make_thumbnail(path, max_pixels=MANY_PIXELS))) as thumbnail:
        assert thumbnail.size == (320, 1)


def test_what_cannot_be_decoded_is_an_image_error(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_text("no picture")
    with pytest.raises(NotAnImage):
        make_thumbnail(path, max_pixels=MANY_PIXELS)
