"""Pictures that the tests of this room make for themselves."""

import io
import os
import struct
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

MANY_PIXELS = 100_000_000
NOBODY = 65534


def photo(width: int = 96, height: int = 64) -> Image.Image:
    """Something like a photograph: broad shades, some edges, fine grain; no symmetry."""
    random = np.random.default_rng(7)
    coarse = Image.fromarray(random.integers(0, 256, (7, 9, 3), dtype=np.uint8)).resize((width, height), 3)
    grain = random.normal(0, 4, (height, width, 3))
    pixels = np.asarray(coarse).astype(float) * 0.85 + 20 + grain
    pixels[height // 5 : height // 2, width // 6 : width // 4] += 40
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def encode(image: Image.Image, format_name: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format_name, **options)
    return buffer.getvalue()


def promising(kind: str, side: int) -> bytes:
    """A small file whose header promises `side` x `side` pixels; WebP and AVIF about the most that they can."""
    whole = encode(photo(), kind)
    match kind:
        case "PNG":
            header = b"IHDR" + struct.pack(">LL", side, side) + whole[24:29]
            return whole[:12] + header + struct.pack(">L", zlib.crc32(header)) + whole[33:]
        case "WEBP":
            extended = encode(photo(), "WEBP", exif=b"Exif\0\0II*\0")
            return extended[:24] + b"\xff\x3f\0" * 2 + extended[30:]
        case "TIFF":
            for tag, value in ((256, 96), (257, 64)):
                entry = struct.pack("<HHLL", tag, 4, 1, value)
                whole = whole.replace(entry, struct.pack("<HHLL", tag, 4, 1, side))
            return whole
        case "AVIF":
            side = 16_000
    layout, size = {
        "JPEG": (">HH", (64, 96)),
        "GIF": ("<HH", (96, 64)),
        "BMP": ("<LL", (96, 64)),
        "AVIF": (">LL", (96, 64)),
    }[kind]
    return whole.replace(struct.pack(layout, *size), struct.pack(layout, side, side))


def difference(first: Image.Image, second: Image.Image) -> float:
    """The mean difference in grey levels."""
    assert first.size == second.size
    return float(np.abs(np.asarray(first).astype(float) - np.asarray(second).astype(float)).mean())


def cmyk_profile(lab: dict[tuple[int, int, int, int], tuple[int, int, int]]) -> bytes:
    """A CMYK ICC profile (v2, one 8-bit table) that gives each mixture of full inks the Lab value that `lab` says."""
    corners = [(c, m, y, k) for c in (0, 1) for m in (0, 1) for y in (0, 1) for k in (0, 1)]
    grid = b"".join(
        bytes((round(light * 2.55), a + 128, b + 128))
        for light, a, b in (lab.get(corner, (0, 0, 0)) for corner in corners)
    )
    straight = bytes(range(256))
    identity = struct.pack(">9l", *(65536 * (i % 4 == 0) for i in range(9)))
    table = b"mft1\0\0\0\0" + bytes((4, 3, 2, 0)) + identity + straight * 4 + grid + straight * 3
    tags = struct.pack(">L4sLL", 1, b"A2B0", 144, len(table))
    white = struct.pack(">3l", 63190, 65536, 54061)
    header = struct.pack(">L4sL4s4s4s12s4s", 144 + len(table), b"", 0x02400000, b"prtr", b"CMYK", b"Lab ", b"", b"acsp")
    return (header.ljust(68, b"\0") + white).ljust(128, b"\0") + tags + table


@contextmanager
def readable_by_nobody() -> Iterator[Path]:
    """A folder to take permissions away in, seen without the rights of root."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@contextmanager
def without_root() -> Iterator[None]:
    """Root may read everything, so the body runs as nobody where the tests run as root."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
