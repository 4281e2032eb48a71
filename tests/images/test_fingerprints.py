"""Equal bytes, equal content hash; alike to the eye, near in perceptual hash."""

import math

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

from search_app.images.decode import decode_bytes
from search_app.images.fingerprints import (
    content_hash,
    hamming_distance,
    parse_hashes,
    perceptual_hash,
    picture_hashes,
)
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


def test_the_stored_hashes_are_four_and_the_first_is_the_perceptual_one():
    digits = picture_hashes(photo())
    assert len(digits) == 64
    assert f"{parse_hashes(digits)[0]:016x}" == digits[:16] == f"{perceptual_hash(photo()):016x}"
    assert "".join(f"{one:016x}" for one in parse_hashes(digits)) == digits


def test_the_inner_hashes_are_those_of_a_picture_without_its_margin():
    picture = photo(400, 200)
    _, inner, _, inner_waves = parse_hashes(picture_hashes(picture))
    cropped, _, cropped_waves, _ = parse_hashes(picture_hashes(picture.crop((20, 10, 380, 190))))
    assert (inner, inner_waves) == (cropped, cropped_waves)


def test_the_frequency_hash_is_the_cosine_transform_above_its_median():
    cells = photo(32, 32).convert("L")
    grey = np.asarray(cells, dtype=np.float64)

    def wave(down: int, across: int) -> float:
        """DCT-II by its definition, but for a factor that is the same for all waves that count."""
        return sum(
            grey[y, x] * math.cos(math.pi * down * (y + 0.5) / 32) * math.cos(math.pi * across * (x + 0.5) / 32)
            for y in range(32)
            for x in range(32)
        ) / math.sqrt((1 + (down == 0)) * (1 + (across == 0)))

    waves = np.array([wave(down, across) for down in range(8) for across in range(8)])
    bits = waves > np.median(waves[1:])
    assert parse_hashes(picture_hashes(cells))[2] == int("".join("01"[int(bit)] for bit in bits), 2)


def test_all_four_survive_a_change_of_tone_and_none_survives_a_mirror():
    original = parse_hashes(picture_hashes(photo(640, 480)))
    brighter = parse_hashes(picture_hashes(ImageEnhance.Brightness(photo(640, 480)).enhance(1.1)))
    mirrored = parse_hashes(picture_hashes(ImageOps.mirror(photo(640, 480))))
    assert all(hamming_distance(one, other) <= 6 for one, other in zip(original, brighter, strict=True))
    assert all(hamming_distance(one, other) > 16 for one, other in zip(original, mirrored, strict=True))


def test_hashes_that_are_not_there_are_zeros_and_broken_ones_are_refused():
    assert parse_hashes("") == (0, 0, 0, 0)
    with pytest.raises(ValueError, match="are not 4 hashes of 16"):
        parse_hashes("0123456789abcdef")


def test_hashes_are_made_of_any_shape():
    for size in ((1, 1), (1, 900), (900, 1), (8, 9)):
        assert len(picture_hashes(photo(900, 900).resize(size))) == 64
