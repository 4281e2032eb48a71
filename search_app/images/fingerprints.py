"""What tells two pictures apart: a hash of the bytes, and one of what is to be seen."""

import hashlib

import numpy as np
from PIL import Image


def content_hash(data: bytes) -> str:
    """BLAKE2b-128 of a file's bytes, hexadecimal: equal for equal files."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def perceptual_hash(image: Image.Image) -> int:
    """Difference hash of 64 bits: nearly equal for pictures that differ in size, compression or a little in tone.

    Each bit says whether a cell of an 8 x 8 grid is darker than its right neighbour, row by row, the first cell in the
    highest bit (dHash, N. Krawetz, "Kind of Like That", 2013). Flat pictures all hash to 0.
    """
    cells = np.asarray(image.convert("L").resize((9, 8), Image.Resampling.BOX), dtype=np.int16)
    darker = cells[:, :-1] < cells[:, 1:]
    return int.from_bytes(np.packbits(darker).tobytes(), "big")


def hamming_distance(first: int, second: int) -> int:
    """How many bits of two hashes differ; of two perceptual hashes, up to about 6 of 64 for the same picture."""
    return (first ^ second).bit_count()
