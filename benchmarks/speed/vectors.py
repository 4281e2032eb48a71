"""Vectors for benchmarks of the index: of real pictures, of cuts of them, and of sentences.

They are made by `lite` over the pictures of some folders, first whole and then, pass after pass, a cut of each by
chance (8 to 50 % of its area). Sentences are the captions of `captions.json` in or beside a folder. All of it is kept
in a cache folder, file by file, so that a run that was ended goes on where it was. `synthetic` makes more of them.
"""

import argparse
import json
import math
import random
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.speed.results import note
from search_app.datatypes import FloatMatrix, PixelArray
from search_app.encoders.base import Encoder

_FILE_ROWS = 1_024
_BATCH = 8
_LEAST, _MOST = 0.08, 0.5


def pictures(folders: Sequence[Path]) -> list[Path]:
    """The pictures in some folders, in the order of their names."""
    kinds = {".jpg", ".jpeg", ".png", ".webp"}
    return sorted(path for folder in folders for path in folder.rglob("*") if path.suffix.lower() in kinds)


def cut(picture: Image.Image, name: str, turn: int) -> Image.Image:
    """The whole picture in turn 0; else a rectangle that the name and the turn choose."""
    if not turn:
        return picture
    chance = random.Random(f"{name}:{turn}")  # noqa: S311 - a draw that can be repeated
    share, shape = chance.uniform(_LEAST, _MOST), math.exp(chance.uniform(-0.3, 0.3))
    width, height = picture.size
    w = min(width, max(8, round(width * math.sqrt(share) * shape)))
    h = min(height, max(8, round(height * math.sqrt(share) / shape)))
    left, top = chance.randint(0, width - w), chance.randint(0, height - h)
    return picture.crop((left, top, left + w, top + h))


class Cache:
    """Vectors made so far, `real-00000.npy` and on, `sentences.npy`; complete files only."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def real(self, most: int | None = None) -> FloatMatrix:
        """The first `most` vectors of pictures, float32 of unit rows; those that are there where they are fewer."""
        parts = [np.load(path, mmap_mode="r") for path in sorted(self._folder.glob("real-*.npy"))]
        if not parts:
            raise SystemExit(f"{self._folder} holds no vectors: run `python -m benchmarks vectors` first")
        return np.ascontiguousarray(np.concatenate(parts)[:most])

    def sentences(self, most: int | None = None) -> FloatMatrix:
        """Vectors of sentences, in an order by chance."""
        return np.ascontiguousarray(np.load(self._folder / "sentences.npy", mmap_mode="r")[:most])

    def fill(self, encoder: Encoder, found: Sequence[Path], wanted: int) -> None:
        """Make vectors of pictures until there are `wanted`, a file of 1,024 at a time."""
        made = len(list(self._folder.glob("real-*.npy"))) * _FILE_ROWS
        every = ((path, turn) for turn in range(wanted // max(1, len(found)) + 1) for path in found)
        jobs = islice(every, made, wanted)
        with ThreadPoolExecutor(1) as pool:
            while chosen := list(islice(jobs, _FILE_ROWS)):
                rows = np.concatenate([*_encoded(encoder, pool, chosen)])
                _keep(self._folder / f"real-{made // _FILE_ROWS:05d}.npy", rows)
                made += len(rows)
                note(f"vectors: {made} of {wanted} pictures")

    def say(self, encoder: Encoder, sentences: Sequence[str], wanted: int) -> None:
        """Make vectors of sentences, unless there are."""
        if not (self._folder / "sentences.npy").exists():
            chosen = random.Random(0).sample(list(sentences), min(wanted, len(sentences)))  # noqa: S311
            _keep(self._folder / "sentences.npy", encoder.encode_texts(chosen))


def _encoded(encoder: Encoder, pool: ThreadPoolExecutor, jobs: list[tuple[Path, int]]) -> Iterator[FloatMatrix]:
    batches = [jobs[start : start + _BATCH] for start in range(0, len(jobs), _BATCH)]

    def pixels(batch: list[tuple[Path, int]]) -> PixelArray:
        return np.stack([_pixels(encoder, *job) for job in batch])

    ahead = pool.submit(pixels, batches[0])
    for number in range(len(batches)):
        ready = ahead.result()
        if number + 1 < len(batches):
            ahead = pool.submit(pixels, batches[number + 1])
        yield encoder.encode_images(ready)


def _pixels(encoder: Encoder, path: Path, turn: int) -> PixelArray:
    with Image.open(path) as picture:
        return encoder.prepare(cut(picture.convert("RGB"), path.name, turn))


def _keep(path: Path, rows: FloatMatrix) -> None:
    beside = path.with_suffix(".part")
    with beside.open("wb") as file:
        np.save(file, rows.astype(np.float32))
    beside.replace(path)


def captions(folders: Sequence[Path]) -> list[str]:
    """The captions that lie in or beside some folders of pictures."""
    files = {place / "captions.json" for folder in folders for place in (folder, folder.parent)}
    told = [json.loads(path.read_text("utf-8")) for path in sorted(files) if path.exists()]
    return [text for one in told for name in sorted(one) for text in one[name]["captions"]]


def main() -> None:
    """Fill the cache."""
    from search_app.encoders.lite import LiteEncoder

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folders", nargs="+", type=Path, metavar="PICTURES")
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--count", type=int, default=65_536)
    arguments = parser.parse_args()
    found = pictures(arguments.folders)
    if not found:
        raise SystemExit(f"{arguments.folders[0]} holds no pictures")
    encoder, cache = LiteEncoder(), Cache(arguments.cache)
    cache.say(encoder, captions(arguments.folders), 4_096)
    cache.fill(encoder, found, arguments.count)


if __name__ == "__main__":
    main()
