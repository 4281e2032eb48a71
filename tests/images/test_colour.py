"""Every mode comes out as a viewer would show it."""

import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from search_app.images.decode import decode_bytes
from tests.images.pictures import MANY_PIXELS, cmyk_profile, difference, encode, photo

RAMP = np.linspace(0, 65535, 64 * 64).reshape(64, 64)
GREY_RAMP = Image.fromarray((RAMP / 257).round().astype(np.uint8)).convert("RGB")
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def rgb(data: bytes) -> Image.Image:
    image = decode_bytes(data, max_pixels=MANY_PIXELS).image
    assert image.mode == "RGB"
    return image


def with_type(data: bytes, code: str) -> bytes:
    """A ramp of another element type, as a TIFF."""
    return encode(Image.fromarray(data.astype(code)), "TIFF")


@pytest.mark.parametrize(
    ("mode", "format_name", "tolerance"),
    [
        *((mode, "PNG", 0.5) for mode in ("1", "L", "LA", "RGB", "RGBA")),
        *((mode, "TIFF", 1.5) for mode in ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "LAB")),
        *((mode, "BMP", 0.5) for mode in ("1", "L", "P", "RGB", "RGBA")),
        *((mode, "GIF", 0.5) for mode in ("1", "L", "P")),
        *((mode, "JPEG", 5) for mode in ("L", "RGB", "CMYK", "YCbCr")),
        *((mode, "WEBP", 5) for mode in ("RGB", "RGBA")),
        *((mode, "AVIF", 5) for mode in ("L", "RGB", "RGBA")),
    ],
)
def test_every_mode_looks_as_it_was_saved(mode, format_name, tolerance):
    source = photo().convert(mode)
    expected = source.convert("L" if mode == "LA" else "RGB").convert("RGB")
    assert difference(rgb(encode(source, format_name)), expected) <= tolerance


@pytest.mark.parametrize(
    "options", [{"compression": c} for c in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg")]
)
def test_compressed_tiffs_are_read(options):
    assert difference(rgb(encode(photo(), "TIFF", **options)), photo()) < 6


@pytest.mark.parametrize("big_endian", [False, True])
@pytest.mark.parametrize("compression", ["raw", "tiff_lzw"])
def test_16_bit_grey_is_scaled_not_clipped(big_endian, compression):
    image = Image.fromarray(RAMP.astype(">u2" if big_endian else "<u2"))
    assert image.mode == ("I;16B" if big_endian else "I;16")
    assert difference(rgb(encode(image, "TIFF", compression=compression)), GREY_RAMP) < 0.01


def test_16_bit_png_is_scaled_not_clipped():
    result = rgb(encode(Image.fromarray(RAMP.astype(np.uint16)), "PNG"))
    assert difference(result, GREY_RAMP) < 0.01
    assert len(np.unique(np.asarray(result))) == 256


def test_a_dark_16_bit_picture_stays_dark():
    assert np.asarray(rgb(encode(Image.fromarray((RAMP / 16).astype(np.uint16)), "PNG"))).max() == 16


def test_12_bit_grey_uses_all_shades():
    width, height = 64, 64
    bits = "".join(f"{value % 4096:012b}" for value in range(width * height))
    strip = int(bits, 2).to_bytes(len(bits) // 8, "big")
    entries = [(256, width), (257, height), (258, 12), (259, 1), (262, 1), (273, 8), (278, height), (279, len(strip))]
    directory = b"".join(struct.pack("<HHLL", tag, 4, 1, value) for tag, value in entries)
    data = b"II*\0" + struct.pack("<L", 8 + len(strip)) + strip + struct.pack("<H", 8) + directory + bytes(4)
    assert difference(rgb(data), GREY_RAMP) < 0.2


@pytest.mark.parametrize(
    "data",
    [
        with_type(RAMP, "int32"),
        with_type(RAMP / 257, "int32"),
        with_type(RAMP * 1000 - 20_000_000, "int32"),
        with_type(RAMP, "float32"),
        with_type(RAMP / 257, "float32"),
        with_type(RAMP / 65535, "float32"),
        with_type(RAMP - 30_000, "float32"),
    ],
    ids=["0..65535", "0..255", "any whole", "0..65535 real", "0..255 real", "0..1 real", "any real"],
)
def test_deeper_grey_is_scaled_by_what_it_holds(data):
    assert difference(rgb(data), GREY_RAMP) < 0.6


def test_grey_that_is_not_a_number_does_no_harm():
    values = (RAMP / 65535).astype(np.float32)
    values[0, :3] = np.nan, np.inf, -np.inf
    assert np.asarray(rgb(encode(Image.fromarray(values), "TIFF")))[0, :3, 0].tolist() == [0, 255, 0]
    assert np.asarray(rgb(encode(Image.fromarray(np.full((4, 4), np.nan, np.float32)), "TIFF"))).max() == 0


def test_16_bit_colour_keeps_its_shades():
    pixels = np.stack([RAMP, RAMP.T, RAMP[::-1]], axis=-1).astype(">u2")
    entries = [(256, 64), (257, 64), (258, 16), (259, 1), (262, 2), (273, 8), (277, 3), (278, 64), (279, pixels.nbytes)]
    directory = b"".join(struct.pack(">HHLL", tag, 4, 1, value) for tag, value in entries)
    data = b"MM\0*" + struct.pack(">L", 8 + pixels.nbytes) + pixels.tobytes() + struct.pack(">H", 9) + directory
    expected = Image.fromarray((pixels >> 8).astype(np.uint8))
    assert difference(rgb(data + bytes(4)), expected) == 0


def half_transparent(mode: str) -> Image.Image:
    """Black and see-through on the left, blue (or its grey) on the right."""
    image = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    image.paste((0, 0, 255, 255), (4, 0, 8, 8))
    return image.convert(mode)


def transparent_palette() -> Image.Image:
    image = Image.new("P", (8, 8), 1)
    image.putpalette([0, 0, 0, 0, 0, 255])
    image.paste(0, (0, 0, 4, 8))
    return image


def transparent_16_bit() -> Image.Image:
    pixels = np.full((8, 8), 7424, np.uint16)
    pixels[:, :4] = 0
    return Image.fromarray(pixels)


GREY_OF_BLUE = (29, 29, 29)
BLUE = (0, 0, 255)


@pytest.mark.parametrize(
    ("data", "right"),
    [
        (encode(half_transparent("RGBA"), "PNG"), BLUE),
        (encode(half_transparent("LA"), "PNG"), GREY_OF_BLUE),
        (encode(half_transparent("RGBA"), "WEBP", lossless=True), BLUE),
        (encode(half_transparent("RGBA"), "GIF"), BLUE),
        (encode(half_transparent("RGBA"), "TIFF"), BLUE),
        (encode(half_transparent("LA"), "TIFF"), GREY_OF_BLUE),
        (encode(half_transparent("PA"), "TIFF"), BLUE),
        (encode(transparent_palette(), "PNG", transparency=0), BLUE),
        (encode(transparent_palette(), "PNG", transparency=b"\0\xff"), BLUE),
        (encode(half_transparent("RGBA").convert("RGB"), "PNG", transparency=(0, 0, 0)), BLUE),
        (encode(half_transparent("RGBA").convert("L"), "PNG", transparency=0), GREY_OF_BLUE),
        (encode(transparent_16_bit(), "PNG", transparency=0), GREY_OF_BLUE),
    ],
)
def test_transparency_lies_over_white(data, right):
    result = rgb(data)
    assert result.getpixel((1, 4)) == (255, 255, 255)
    assert np.abs(np.subtract(result.getpixel((6, 4)), right)).max() <= 1


def test_premultiplied_grey_lies_over_white():
    data = encode(half_transparent("LA"), "TIFF")
    entry = struct.pack("<HHL", 338, 3, 1)
    at = data.index(entry) + len(entry)
    assert data[at] == 2
    result = rgb(data[:at] + b"\1" + data[at + 1 :])
    assert (result.getpixel((1, 4)), result.getpixel((6, 4))) == ((255, 255, 255), GREY_OF_BLUE)


def test_half_opaque_red_is_pink():
    assert rgb(encode(Image.new("RGBA", (4, 4), (255, 0, 0, 128)), "PNG")).getpixel((0, 0)) == (255, 127, 127)


@pytest.mark.parametrize("format_name", ["JPEG", "TIFF"])
@pytest.mark.parametrize("colour", ["white", "black", "red", "lime", "blue", "gold", "peru"])
def test_cmyk_keeps_its_colours(format_name, colour):
    expected = Image.new("RGB", (32, 32), colour)
    assert difference(rgb(encode(expected.convert("CMYK"), format_name)), expected) < 4


def test_cmyk_follows_its_profile():
    cyan = Image.new("CMYK", (32, 32), (255, 0, 0, 0))
    lab_red_for_cyan = cmyk_profile({(0, 0, 0, 0): (100, 0, 0), (1, 0, 0, 0): (54, 80, 70)})
    red, green, blue = rgb(encode(cyan, "JPEG", icc_profile=lab_red_for_cyan)).getpixel((9, 9))
    assert (red > 240, green < 30, blue < 30) == (True, True, True)


@pytest.mark.parametrize("profile", [b"garbage", SRGB])
def test_a_profile_that_does_not_fit_does_no_harm(profile):
    cyan = Image.new("CMYK", (32, 32), (255, 0, 0, 0))
    assert difference(rgb(encode(cyan, "JPEG", icc_profile=profile)), Image.new("RGB", (32, 32), "cyan")) < 4
