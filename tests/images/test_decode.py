"""Every format comes out right side up, at its own size, from its first frame."""

import os
import socket
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from search_app.errors import ImageTooLarge, Unreadable
from search_app.images.decode import MAX_FILE_BYTES, DecodedImage, decode_bytes, decode_image, read_image_file
from tests.conftest import SHARED_ADS
from tests.images.pictures import (
    MANY_PIXELS,
    difference,
    encode,
    photo,
    readable_by_nobody,
    without_root,
)

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
ORIENTATION = 0x0112
STORED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""EXIF orientation -> how a camera that writes it has stored the picture."""


def decode(data: bytes, min_size: tuple[int, int] | None = None) -> DecodedImage:
    return decode_bytes(data, max_pixels=MANY_PIXELS, min_size=min_size)


def turned(image: Image.Image, orientation: int) -> tuple[Image.Image, Image.Exif]:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    method = STORED[orientation]
    return (image if method is None else image.transpose(method)), exif


@pytest.mark.parametrize("format_name", FORMATS)
def test_each_format_is_decoded(format_name):
    result = decode(encode(photo(), format_name))
    assert (result.image.mode, result.image.size) == ("RGB", (96, 64))
    assert (result.width, result.height, result.format) == (96, 64, format_name)
    assert difference(result.image, photo()) < 12


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_the_exif_turn_is_undone(format_name, orientation):
    stored, exif = turned(photo(), orientation)
    result = decode(encode(stored, format_name, exif=exif))
    assert (result.width, result.height) == result.image.size == (96, 64)
    assert difference(result.image, photo()) < 6


@pytest.mark.parametrize("orientation", STORED)
def test_a_reduced_jpeg_is_turned_too_and_tells_its_own_size(orientation):
    stored, exif = turned(photo(800, 600), orientation)
    result = decode(encode(stored, "JPEG", exif=exif), min_size=(70, 70))
    assert (result.width, result.height, result.image.size) == (800, 600, (200, 150))
    assert difference(result.image, photo(800, 600).resize((200, 150), Image.Resampling.BOX)) < 3


@pytest.mark.parametrize(
    "exif", [b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*\0\0\0\x08\0\x09\1\x12"]
)
@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "WEBP"])
def test_broken_exif_does_not_cost_the_picture(format_name, exif):
    data = encode(photo(), format_name, exif=exif)
    if format_name == "JPEG":
        data = data[:2] + data[data.index(b"\xff\xe1") :]  # without JFIF's resolution Pillow looks for one in the EXIF
    assert difference(decode(data).image, photo()) < 6


def test_an_orientation_that_does_not_exist_is_ignored():
    exif = Image.Exif()
    exif[ORIENTATION] = 77
    assert decode(encode(photo(), "JPEG", exif=exif)).image.size == (96, 64)


@pytest.mark.parametrize("format_name", ["GIF", "WEBP", "PNG", "TIFF", "AVIF"])
def test_the_first_frame_counts(format_name):
    white, black = Image.new("RGB", (16, 16), "white"), Image.new("RGB", (16, 16))
    data = encode(white, format_name, save_all=True, append_images=[black, white])
    assert difference(decode(data).image, white) < 3


def test_a_stereo_jpeg_is_its_first_picture():
    data = encode(photo(), "MPO", save_all=True, append_images=[Image.new("RGB", (96, 64))])
    result = decode(data)
    assert result.format == "JPEG"
    assert difference(result.image, photo()) < 6


def test_nothing_of_the_file_sticks_to_the_picture():
    data = encode(photo(), "PNG", exif=turned(photo(), 1)[1], icc_profile=b"profile", dpi=(300, 300))
    assert decode(data).image.info == {}


@pytest.mark.parametrize(
    ("size", "min_size", "scale"),
    [
        ((1600, 1200), (224, 224), 2),
        ((1600, 1200), (224, 320), 1),
        ((4000, 3000), (150, 150), 8),
        ((1800, 896), (224, 224), 2),
        ((1800, 895), (224, 224), 1),
        ((447, 3000), (224, 224), 1),
        ((1602, 1203), (224, 224), 1),
        ((4001, 3001), (112, 112), 4),
    ],
)
def test_both_sides_keep_twice_of_what_is_needed_and_four_times_where_sizes_are_odd(size, min_size, scale):
    pixels = np.zeros((size[1], size[0]), np.uint8)
    result = decode(encode(Image.fromarray(pixels), "JPEG"), min_size)
    assert result.image.size == (-(-size[0] // scale), -(-size[1] // scale))
    assert (result.width, result.height) == size


def test_an_encoder_sees_no_difference_between_a_reduced_and_a_full_decode():
    data = encode(photo(1600, 1200), "JPEG", quality=90)
    small = [decode(data, min_size).image.resize((299, 224), 3) for min_size in (None, (224, 224))]
    assert 0 < difference(*small) < 0.3


def test_only_jpegs_are_reduced():
    assert decode(encode(photo(800, 600), "WEBP"), min_size=(50, 50)).image.size == (800, 600)


def test_a_file_is_read_and_decoded(tmp_path):
    path = tmp_path / "holiday.dat"
    path.write_bytes(encode(photo(), "PNG"))
    assert decode_image(path, max_pixels=MANY_PIXELS).format == "PNG"


def test_what_cannot_be_read_says_why(tmp_path):
    with pytest.raises(Unreadable, match="No such file"):
        read_image_file(tmp_path / "gone.jpg")
    with pytest.raises(Unreadable, match="folder"):
        read_image_file(tmp_path)
    with pytest.raises(Unreadable):
        read_image_file(Path("a\0b.jpg"))
    (tmp_path / "loop.jpg").symlink_to("loop.jpg")
    with pytest.raises(Unreadable):
        read_image_file(tmp_path / "loop.jpg")


def test_a_file_without_permission_says_so():
    with readable_by_nobody() as folder:
        path = folder / "private.jpg"
        path.write_bytes(encode(photo(), "JPEG"))
        path.chmod(0)
        with without_root(), pytest.raises(Unreadable, match="Permission denied"):
            read_image_file(path)


def test_a_huge_file_is_not_read(tmp_path):
    path = tmp_path / "huge.bmp"
    path.touch()
    os.truncate(path, MAX_FILE_BYTES + 1)
    with pytest.raises(ImageTooLarge, match="1 GiB"):
        read_image_file(path)


def test_fifos_and_sockets_are_never_opened(tmp_path):
    fifo = tmp_path / "fifo.jpg"
    os.mkfifo(fifo)
    opened = threading.Event()

    def write() -> None:
        os.close(os.open(fifo, os.O_WRONLY))  # waits until somebody opens the other end
        opened.set()

    writer = threading.Thread(target=write)
    writer.start()
    with pytest.raises(Unreadable, match="FIFO"):
        decode_image(fifo, max_pixels=MANY_PIXELS)
    assert not opened.wait(0.1)
    os.close(os.open(fifo, os.O_RDONLY))
    writer.join()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("s.jpg")  # tests run in their own folder; a long path would not do
        with pytest.raises(Unreadable, match="socket"):
            read_image_file(Path("s.jpg"))


def remarkable_pictures() -> list[bytes]:
    """Sound pictures with metadata that make Pillow warn."""
    cut_exif = b"Exif\0\0II*\0\x08\0\0\0\x09\0\x12\x01\x03\0"
    jpeg = encode(photo(), "JPEG", exif=cut_exif)
    mpo = encode(photo(), "MPO", save_all=True, append_images=[photo()])
    apng = bytearray(encode(photo(), "PNG", save_all=True, append_images=[photo().rotate(5)]))
    at = apng.index(b"acTL") - 4
    apng[at:at] = apng[at : at + 20]
    return [jpeg, mpo.replace(b"\x01\xb0", b"\x01\xb7", 1), bytes(apng)]


def test_threads_decode_alike_and_no_warning_leaks():
    files = [encode(photo(), name) for name in FORMATS] + remarkable_pictures()
    alone = [decode(data).image.tobytes() for data in files]
    with warnings.catch_warnings(record=True) as seen, ThreadPoolExecutor(4) as pool:
        warnings.simplefilter("always")
        together = list(pool.map(lambda data: decode(data).image.tobytes(), files * 8))
    assert together == alone * 8
    assert seen == []


def test_all_ads_are_decoded():
    paths = sorted((SHARED_ADS / "images").rglob("*.jpg"))
    if not paths:
        pytest.skip("the real ads are not on this machine")
    for path in paths:
        result = decode_image(path, max_pixels=MANY_PIXELS, min_size=(224, 224))
        assert min(result.image.size) >= min(448, result.width, result.height)
    assert len(paths) == 377
