"""Pictures with bytes changed, decoded one after the other: `python -m tests.hostile.mutations --count N`.

Each mutation follows from a seed and its number, so that any of them can be made again alone (`--only NUMBER`). What is
decoded must be an RGB picture within the limit, what is not must be one `ImageError`; time and memory are bounded.
"""

import argparse
import json
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from search_app.errors import ImageError
from search_app.images.decode import decode_bytes
from tests.hostile import bytes_of
from tests.images.pictures import encode, photo, promising

MAX_PIXELS = 1_000_000
LONGEST_S = 5.0
MOST_MIB = 600
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
EXTREMES = (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x80\0\0\0", b"\0\0", b"\xff\xff", b"\xff", b"\0")


def seeds() -> list[bytes]:
    """Pictures to begin with: every format, some of its variants, and some that are hostile already."""
    picture = photo()
    return [
        *(encode(picture, kind) for kind in FORMATS),
        encode(picture, "JPEG", progressive=True),
        encode(picture.convert("CMYK"), "JPEG"),
        encode(picture.convert("P"), "PNG", transparency=3),
        encode(picture, "PNG", save_all=True, append_images=[picture.rotate(5)]),
        encode(picture, "WEBP", lossless=True),
        *(encode(picture, "TIFF", compression=name) for name in ("tiff_lzw", "tiff_deflate", "packbits", "jpeg")),
        encode(picture.convert("1"), "TIFF", compression="group4"),
        *(encode(picture, "JPEG", exif=exif) for exif in bytes_of.lying_exif().values()),
        *(promising(kind, 900) for kind in FORMATS),
        bytes_of.looping_tiff(),
    ]


def mutated(beginnings: list[bytes], seed: int, number: int) -> bytes:
    """Mutation `number` of a run."""
    rng = random.Random(f"{seed}:{number}")
    data = bytearray(rng.choice(beginnings))
    for _ in range(rng.choice((1, 1, 2, 4, 8))):
        if not data:
            break
        # Headers are at the beginning: half of the changes are made there.
        at = rng.randrange(min(len(data), 200) if rng.random() < 0.5 else len(data))
        match rng.randrange(6):
            case 0:
                data[at] ^= 1 << rng.randrange(8)
            case 1:
                new = rng.choice(EXTREMES)
                data[at : at + len(new)] = new
            case 2:
                del data[at : at + rng.randrange(1, 40)]
            case 3:
                data[at:at] = data[at : at + rng.randrange(1, 200)]
            case 4:
                other = rng.choice(beginnings)
                start = rng.randrange(len(other))
                data[at:] = other[start:]
            case 5:
                data[at : at + 8] = rng.randbytes(8)
    return bytes(data)


@dataclass
class Outcome:
    """What a run of mutations gave."""

    decoded: int = 0
    refused: int = 0
    slowest_s: float = 0.0
    slowest: int = 0
    peak_mib: float = 0.0


def attack(numbers: Iterator[int], seed: int) -> Outcome:
    """Decode mutations; raises whatever is not an `ImageError`, with the number of the mutation as a note."""
    beginnings, outcome = seeds(), Outcome()
    for number in numbers:
        data = mutated(beginnings, seed, number)
        started = time.perf_counter()
        try:
            picture = decode_bytes(data, max_pixels=MAX_PIXELS, min_size=(16, 16))
            assert picture.image.mode == "RGB", f"mutation {number} became {picture}"
            assert picture.width * picture.height <= MAX_PIXELS, f"mutation {number} became {picture}"
            outcome.decoded += 1
        except ImageError:
            outcome.refused += 1
        except BaseException as error:
            error.add_note(f"mutation {number} of seed {seed}")
            raise
        took = time.perf_counter() - started
        if took > outcome.slowest_s:
            outcome.slowest_s, outcome.slowest = took, number
    outcome.peak_mib = peak_mib()
    return outcome


def peak_mib() -> float:
    """The most memory this program had resident (Linux); `ru_maxrss` would count what the parent had at the fork."""
    status = Path("/proc/self/status").read_text("ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def main() -> int:
    """Attack, and tell as JSON how it went."""
    parser = argparse.ArgumentParser(prog="python -m tests.hostile.mutations", description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int)
    asked = parser.parse_args()
    numbers = iter([asked.only] if asked.only is not None else range(asked.count))
    outcome = attack(numbers, asked.seed)
    json.dump(vars(outcome), sys.stdout)
    return int(outcome.slowest_s > LONGEST_S or outcome.peak_mib > MOST_MIB)


if __name__ == "__main__":
    raise SystemExit(main())
