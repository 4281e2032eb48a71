"""Whatever is wrong with a file, it is one `ImageError` that says so; only a JPEG's last bytes may be missing."""

import subprocess
import sys
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from search_app.errors import BrokenImage, ImageError, ImageTooLarge, NotAnImage
from search_app.images.decode import decode_bytes
from search_app.images.room import weighed
from tests.conftest import ROOT, clean_environment
from tests.images.pictures import MANY_PIXELS, difference, encode, photo, promising

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
SMALL = {name: encode(photo(), name) for name in FORMATS}
SEEDS = [
    *SMALL.values(),
    encode(photo(), "JPEG", progressive=True),
    encode(photo().convert("CMYK"), "JPEG"),
    encode(photo().convert("P"), "PNG", transparency=3),
    encode(photo(), "PNG", save_all=True, append_images=[photo().rotate(5)]),
    encode(photo(), "WEBP", lossless=True),
    encode(photo(), "TIFF", compression="tiff_lzw"),
    encode(photo().convert("P"), "BMP"),
]


def decode(data: bytes) -> Image.Image:
    return decode_bytes(data, max_pixels=MANY_PIXELS).image


def test_an_empty_file_is_no_picture():
    with pytest.raises(NotAnImage, match="empty"):
        decode(b"")


@pytest.mark.parametrize(
    "data",
    [
        b"just text",
        b"<html><body>404</body></html>",
        b"\0" * 5000,
        b"8BPS\0\1" + b"\0" * 60,
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>",
        b"P6 2 2 255 " + b"\1" * 12,
    ],
)
def test_other_content_is_no_picture(data):
    with pytest.raises(NotAnImage, match="not a picture"):
        decode(data)


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("missing", [1, 2, 3, 6, 20])
def test_a_jpeg_that_lacks_its_last_bytes_is_decoded(missing, progressive):
    whole = encode(photo(400, 300), "JPEG", progressive=progressive)
    assert difference(decode(whole[:-missing]), decode(whole)) < 0.2


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize(
    ("progressive", "kept"), [(False, 0.1), (False, 0.5), (False, 0.8), (True, 0.02), (True, 0.1), (True, 0.4)]
)
@pytest.mark.parametrize("filled_up", [False, True])
def test_a_jpeg_cut_in_the_middle_is_broken(mode, progressive, kept, filled_up):
    whole = encode(photo(400, 300).convert(mode), "JPEG", progressive=progressive, quality=85, optimize=True)
    data = whole[: int(len(whole) * kept)]
    with pytest.raises(BrokenImage):
        decode(data.ljust(len(whole), b"\0") if filled_up else data)


def test_zero_bytes_are_not_taken_for_picture():
    """In this one's Huffman table they are a valid code, so that libjpeg decodes them to the end without complaint."""
    whole = encode(Image.radial_gradient("L").resize((400, 300)), "JPEG", quality=90, optimize=True)
    with pytest.raises(BrokenImage, match="the file ends too early"):
        decode(whole[: len(whole) // 2].ljust(len(whole), b"\0"))


def test_zero_bytes_after_the_end_do_no_harm():
    assert difference(decode(SMALL["JPEG"] + b"\0" * 4096), decode(SMALL["JPEG"])) == 0


def test_a_progressive_jpeg_that_lacks_only_finest_detail_is_decoded():
    whole = encode(photo(400, 300), "JPEG", progressive=True, quality=85)
    assert 0 < difference(decode(whole[: int(len(whole) * 0.8)]), decode(whole)) < 1


def test_the_reason_says_how_much_is_missing():
    whole = encode(photo(400, 300), "JPEG", quality=85)
    with pytest.raises(BrokenImage, match=r"the lower (4|5)\d% of the picture is missing"):
        decode(whole[: len(whole) // 2])


@pytest.mark.parametrize("format_name", ["PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_other_formats_cut_in_the_middle_are_broken(format_name):
    with pytest.raises(BrokenImage, match=format_name):
        decode(SMALL[format_name][: len(SMALL[format_name]) // 2])


@pytest.mark.parametrize("format_name", FORMATS)
def test_a_picture_over_the_limit_is_refused(format_name):
    limit = weighed(96 * 64, format_name)
    assert decode_bytes(SMALL[format_name], max_pixels=limit).width == 96
    with pytest.raises(ImageTooLarge, match=r"96 x 64 = 6,144 pixels.*raise SEARCH_MAX_PIXELS"):
        decode_bytes(SMALL[format_name], max_pixels=limit - 1)


def test_pillows_own_limit_plays_no_part():
    """196 million pixels are more than Pillow allows, but here it is the data that is missing."""
    with pytest.raises(BrokenImage, match="truncated"):
        decode_bytes(promising("TIFF", 14_000), max_pixels=200_000_000)


def test_bombs_are_refused_before_they_are_decoded(tmp_path):
    """In a process that may take little more memory than it has: the smallest canvas above is over 1 GB."""
    for name in FORMATS:
        (tmp_path / name).write_bytes(promising(name, 50_000))
    program = """
import resource, sys
from pathlib import Path
from search_app.errors import ImageTooLarge
from search_app.images.decode import decode_image
now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (now + 2**28, now + 2**28))
for path in map(Path, sys.argv[1:]):
    try:
        decode_image(path, max_pixels=178_956_970)
    except ImageTooLarge as error:
        assert "SEARCH_MAX_PIXELS" in str(error), (path.name, error)
    else:
        raise SystemExit(f"{path.name} was decoded")
"""
    paths = [str(tmp_path / name) for name in FORMATS]
    subprocess.run([sys.executable, "-c", program, *paths], check=True, env=clean_environment(), cwd=ROOT, timeout=60)


def test_compressed_text_in_a_png_cannot_fill_the_memory():
    text = b"zTXtkey\0\0" + zlib.compress(b"\0" * 2**24, 1)
    chunk = (len(text) - 4).to_bytes(4, "big") + text + zlib.crc32(text).to_bytes(4, "big")
    with pytest.raises(BrokenImage):
        decode(SMALL["PNG"][:33] + chunk + SMALL["PNG"][33:])


edits = st.lists(st.tuples(st.integers(0, 10_000), st.binary(max_size=4), st.integers(0, 4)), max_size=8)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(SEEDS), edits, st.floats(0, 1))
def test_damaged_bytes_are_a_picture_or_an_image_error(seed, edits, kept):
    data = bytearray(seed[: max(1, int(len(seed) * kept))] if kept < 0.8 else seed)
    for at, new, removed in edits:
        start = at % (len(data) + 1)
        data[start : start + removed] = new
    try:
        result = decode_bytes(bytes(data), max_pixels=1_000_000, min_size=(16, 16))
    except ImageError:
        return
    assert result.image.mode == "RGB"
    assert result.width * result.height <= 1_000_000


@given(st.sampled_from([seed[:16] for seed in SEEDS]), st.binary(max_size=200))
def test_bytes_after_a_known_beginning_are_an_image_error(beginning, rest):
    with pytest.raises(ImageError):
        decode_bytes(beginning + rest, max_pixels=1_000_000)
