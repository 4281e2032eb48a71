"""Equal bytes, equal content hash; alike to the eye, near in perceptual hash."""

import numpy as np
from PIL import Image, ImageEnhance

from search_app.images.decode import decode_bytes
from search_app.images.fingerprints import content_hash, hamming_distance, perceptual_hash
from tests.images.pictures import MANY_PIXELS, encode, photo


def test_the_content_hash_is_blake2b_of_128_bits():
    # b2sum --length=128 of the three bytes "abc"
    assert content_hash(b"abc") == "cf4ab791c62b8d2b2109c90275287816"


def test_the_hash_of_a_picture_survives_size_compression_and_tone():
    original = photo(640, 480)
    small = decode_bytes(encode(original.resize((200, 150)), "JPEG", quality=40), max_pixels=MANY_PIXELS).image
    brighter = ImageEnhance.Brightness(original).enhance(1.15)
    for other in (small, brighter, original.convert("L")):
        assert hamming_distance(perceptual_hash(original), perceptual_hash(other)) <= 6


def test_other_pictures_are_far():
    turned = photo().transpose(Image.Transpose.ROTATE_180)
    assert hamming_distance(perceptual_hash(photo()), perceptual_hash(turned)) > 16


def test_the_first_cell_is_the_highest_bit():
    cells = np.zeros((8, 9), np.uint8)
    cells[0, 1:] = 200
    assert perceptual_hash(Image.fromarray(cells)) == 1 << 63


def test_it_fits_64_bits_whatever_the_shape():
    for size in ((1, 1), (1, 900), (900, 1), (8, 9)):
        assert 0 <= perceptual_hash(photo(900, 900).resize(size)) < 1 << 64
