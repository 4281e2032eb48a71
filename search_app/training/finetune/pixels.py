"""The pictures of a fine-tuning: decoded and prepared as serving does it, cut a little at random, several at a time."""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from PIL import Image

from search_app.datatypes import PixelArray, PixelBatch
from search_app.encoders.preprocess import ImageTransform
from search_app.errors import ImageError, TrainingError
from search_app.images.decode import decode_bytes, decode_image, read_image_file
from search_app.training.finetune.data import PairCollection
from search_app.training.lite.data import Photograph
from search_app.training.log import Watch

MOST_THREADS = 16
LOOKED_AT_TOGETHER = 64


@dataclass(frozen=True, slots=True)
class Skipped:
    """A picture that cannot be used; it costs only itself."""

    file: str
    reason: str


@dataclass(frozen=True, slots=True)
class CheckedPairs:
    """Pairs whose pictures can all be decoded."""

    pairs: PairCollection
    skipped: tuple[Skipped, ...]
    digest: str
    """Of every usable picture's bytes, its sentences and its side."""


def cut(picture: Image.Image, least_kept: float, random: np.random.Generator) -> Image.Image:
    """A random cut of `least_kept` to all of a picture's area, of the same shape.

    It is never mirrored: words in it and what a sentence says of left and right would turn wrong.
    """
    side = random.uniform(least_kept, 1) ** 0.5
    width, height = (max(1, round(length * side)) for length in picture.size)
    left, top = random.integers(picture.width - width + 1), random.integers(picture.height - height + 1)
    return picture.crop((int(left), int(top), int(left) + width, int(top) + height))


class Pictures:
    """Files of one folder, as a model takes them; a context manager that holds the decoding threads."""

    def __init__(self, folder: Path, transform: ImageTransform, max_pixels: int) -> None:
        self._folder, self._transform, self._max_pixels = folder, transform, max_pixels
        self._pool = ThreadPoolExecutor(min(MOST_THREADS, os.cpu_count() or 1))

    def check(self, pairs: PairCollection, watch: Watch) -> CheckedPairs:
        """Read and decode every picture once: what is wrong with some is known before the training begins.

        A picture that is held out is not learnt from under another name either. Raises `TrainingError` where too few
        are left.
        """
        skipped: list[Skipped] = []
        dev = list(self._usable(pairs.dev, {}, skipped, watch.of("pictures of dev")))
        held_out = {digest: photograph.file for photograph, digest in dev}
        train = list(self._usable(pairs.train, held_out, skipped, watch.of("pictures of train")))
        left = PairCollection(tuple(each for each, _ in train), tuple(each for each, _ in dev), pairs.origin)
        try:
            left.require_enough()
        except TrainingError as error:
            told = f" ({skipped[0].file}: {skipped[0].reason})" if skipped else ""
            raise TrainingError(f"{error}; {len(skipped)} pictures cannot be used{told}") from error
        return CheckedPairs(left, tuple(skipped), hashlib.sha256(repr((train, dev)).encode()).hexdigest()[:32])

    def _usable(
        self,
        photographs: Sequence[Photograph],
        held_out: Mapping[str, str],
        skipped: list[Skipped],
        progress: Callable[[int, int], None],
    ) -> Iterator[tuple[Photograph, str]]:
        """Those that can be decoded and are not held out, each with its digest; the others go to `skipped`."""
        for start in range(0, len(photographs), LOOKED_AT_TOGETHER):
            chosen = photographs[start : start + LOOKED_AT_TOGETHER]
            for photograph, found in zip(chosen, self._pool.map(self._look, chosen), strict=True):
                if isinstance(found, Skipped):
                    skipped.append(found)
                elif found in held_out:
                    skipped.append(Skipped(photograph.file, f"the same picture is held out as {held_out[found]}"))
                else:
                    yield photograph, found
            progress(start + len(chosen), len(photographs))

    def _look(self, photograph: Photograph) -> str | Skipped:
        try:
            content = read_image_file(self._folder / photograph.file)
            decode_bytes(content, max_pixels=self._max_pixels, min_size=self._transform.size)
        except ImageError as error:
            return Skipped(photograph.file, str(error))
        return hashlib.sha256(content).hexdigest()

    def prepared(self, files: Sequence[str]) -> PixelBatch:
        """Pictures as serving prepares them, uint8 (n, height, width, 3)."""
        return np.stack(list(self._pool.map(lambda file: self._transform.prepare(self._decode(file)), files)))

    def varied(self, files: Sequence[str], least_kept: float, draws: Sequence[Sequence[int]]) -> PixelBatch:
        """The same of a random cut of each (see `cut`); `draws` are the seeds, one a picture."""

        def one(file: str, draw: Sequence[int]) -> PixelArray:
            part = cut(self._decode(file), least_kept, np.random.default_rng(draw))
            return self._transform.prepare(part)

        return np.stack(list(self._pool.map(one, files, draws)))

    def _decode(self, file: str) -> Image.Image:
        path = self._folder / file
        try:
            return decode_image(path, max_pixels=self._max_pixels, min_size=self._transform.size).image
        except ImageError as error:
            raise TrainingError(f"{path} could be used when the training began and cannot now: {error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)
