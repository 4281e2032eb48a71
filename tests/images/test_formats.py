"""Content decides what a file is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_app.images.formats import HEAD_BYTES, describe_content, sniff_format, webp_size
from tests.images.pictures import encode, photo


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_a_format_is_told_from_the_first_bytes(name):
    assert sniff_format(encode(photo(), name)[:HEAD_BYTES]) == name


def test_big_tiff_is_told_too():
    assert sniff_format(encode(photo(), "TIFF", big_tiff=True)[:HEAD_BYTES]) == "TIFF"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\0" * 40, "zero bytes"),
        (b"\xef\xbb\xbf <!DOCTYPE html><p>404", "web page"),
        (b"<svg xmlns='...'/>", "SVG"),
        (b"%PDF-1.7", "PDF"),
        (b"version https://git-lfs.github.com/spec/v1", "git lfs pull"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
        (b"BMW makes cars\n", "text"),
        (b"\x01\x02\xfe", "unknown data"),
    ],
)
def test_what_is_no_picture_is_named(content, words):
    assert sniff_format(content) is None
    assert words in describe_content(content)


@pytest.mark.parametrize("options", [{"lossless": True}, {"quality": 50}, {"quality": 50, "exif": b"Exif\0\0II*\0"}])
def test_the_size_of_a_webp_is_read_from_its_header(options):
    assert webp_size(encode(photo(97, 63), "WEBP", **options)[:HEAD_BYTES]) == (97, 63)


@given(st.binary(max_size=HEAD_BYTES), st.sampled_from([b"", b"RIFF\0\0\0\0WEBPVP8X", b"BM", b"\0\0\0\x20ftyp"]))
def test_no_bytes_upset_it(data, beginning):
    head = beginning + data
    sniff_format(head)
    webp_size(head)
    assert describe_content(head)
