"""What tells two pictures apart: a hash of the bytes, and hashes of what is to be seen."""

import hashlib
import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image

MARGIN = 0.05
"""Of each side, that the inner hashes leave out: they are those of a picture that was cropped by as much."""
WAVES = 8
"""Across and down, that the frequency hash looks at, of `CELLS`."""
CELLS = 32
HASHES = 4
DIGITS = 16


def content_hash(data: bytes) -> str:
    """BLAKE2b-128 of a file's bytes, hexadecimal: equal for equal files."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def picture_hashes(image: Image.Image) -> str:
    """Four hashes of 64 bits, 64 hexadecimal digits: what is stored to find copies of a picture.

    The perceptual hash, that of the picture without its margin, and the frequency hashes of both. Two pictures of
    which one was cropped or framed a little meet in the inner hashes of one and the outer ones of the other.
    """
    grey = image.convert("L")
    width, height = grey.size
    whole = (0.0, 0.0, float(width), float(height))
    inner = (MARGIN * width, MARGIN * height, (1 - MARGIN) * width, (1 - MARGIN) * height)
    hashes = [make(grey, box) for make in (_difference_hash, _frequency_hash) for box in (whole, inner)]
    return "".join(f"{one:0{DIGITS}x}" for one in hashes)


def parse_hashes(digits: str) -> tuple[int, ...]:
    """Read what `picture_hashes` gave: perceptual, its inner one, frequency, its inner one; zeros for no digits.

    Raises `ValueError` for digits it cannot have given.
    """
    if digits and len(digits) != HASHES * DIGITS:
        raise ValueError(f"{digits!r} are not {HASHES} hashes of {DIGITS} hexadecimal digits")
    return tuple(int(digits[at : at + DIGITS] or "0", 16) for at in range(0, HASHES * DIGITS, DIGITS))


def perceptual_hash(image: Image.Image) -> int:
    """Difference hash of 64 bits: nearly equal for pictures that differ in size, compression or a little in tone.

    Each bit says whether a cell of an 8 x 8 grid is darker than its right neighbour, row by row, the first cell in the
    highest bit (dHash, N. Krawetz, "Kind of Like That", 2013). Flat pictures all hash to 0.
    """
    return _difference_hash(image.convert("L"), (0.0, 0.0, float(image.width), float(image.height)))


def hamming_distance(first: int, second: int) -> int:
    """How many bits of two hashes differ; of two perceptual hashes, up to about 6 of 64 for the same picture."""
    return (first ^ second).bit_count()


def _difference_hash(grey: Image.Image, box: tuple[float, float, float, float]) -> int:
    cells = np.asarray(grey.resize((9, 8), Image.Resampling.BOX, box=box), dtype=np.int16)
    return _packed(cells[:, :-1] < cells[:, 1:])


def _frequency_hash(grey: Image.Image, box: tuple[float, float, float, float]) -> int:
    """Which of the lowest 8 x 8 waves of the cosine transform are above their median.

    pHash (C. Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions", 2010, 3.2.1), here of a
    picture of 32 x 32 cells; the mean, the first of them, is left out of the median. It looks at the layout, where
    the difference hash looks at edges: few other pictures are near in both.
    """
    cells = np.asarray(grey.resize((CELLS, CELLS), Image.Resampling.BOX, box=box), dtype=np.float64)
    # Rounded, so that waves that are not there count as 0 and not as the last bit of a sum.
    waves = np.round(_COSINES @ cells @ _COSINES.T, 6)
    return _packed(waves > np.median(waves.ravel()[1:]))


def _packed(bits: NDArray[np.bool_]) -> int:
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def _cosines() -> NDArray[np.float64]:
    """The first rows of the orthonormal DCT-II, shape (WAVES, CELLS)."""
    waves, places = np.arange(WAVES)[:, None], np.arange(CELLS)[None, :]
    rows: NDArray[np.float64] = np.cos(math.pi * waves * (places + 0.5) / CELLS) * math.sqrt(2 / CELLS)
    rows[0] /= math.sqrt(2)
    return rows


_COSINES = _cosines()
