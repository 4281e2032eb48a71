"""The stages of indexing one after another in one thread, each timed by itself."""

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ParamSpec, TypeVar

import numpy as np

from search_app.datatypes import FloatMatrix, ImageRef, Picture, PixelBatch, Point
from search_app.encoders.base import Encoder
from search_app.images.colour_names import dominant_colours
from search_app.images.decode import decode_bytes, read_image_file
from search_app.images.fingerprints import content_hash, picture_hashes
from search_app.index.edge.store import EdgeStore

MAX_PIXELS = 178_956_970
Value = TypeVar("Value")
Given = ParamSpec("Given")


@dataclass
class Stages:
    """Seconds of each stage, summed over pictures, and what the stages made."""

    encoder: Encoder
    folder: Path
    seconds: dict[str, float] = field(default_factory=dict)

    def _timed(self, stage: str, work: Callable[Given, Value], *given: Given.args, **named: Given.kwargs) -> Value:
        started = time.perf_counter()
        value = work(*given, **named)
        self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - started
        return value

    def prepare(self, refs: Sequence[ImageRef]) -> tuple[list[Picture], PixelBatch]:
        """All that comes before the tower."""
        pictures, pixels = [], []
        size = self.encoder.spec.image_size
        for ref in refs:
            data = self._timed("read", read_image_file, self.folder / ref.path)
            content = self._timed("hash of the bytes", content_hash, data)
            decoded = self._timed("decode", decode_bytes, data, min_size=size, max_pixels=MAX_PIXELS)
            hashes = self._timed("perceptual hashes", picture_hashes, decoded.image)
            colours = self._timed("colours", dominant_colours, decoded.image)
            pixels.append(self._timed("resize", self.encoder.prepare, decoded.image))
            pictures.append(
                Picture(
                    path=ref.path,
                    content_hash=content,
                    size_bytes=ref.size_bytes,
                    mtime_ns=ref.mtime_ns,
                    width=decoded.width,
                    height=decoded.height,
                    format=decoded.format,
                    phash=hashes,
                    colours=colours,
                )
            )
        return pictures, np.stack(pixels)

    def tower(self, pixels: PixelBatch) -> FloatMatrix:
        """All batches through the tower, on all cores."""
        return self._timed("image tower, all cores", encoded, self.encoder, pixels)

    def store(self, pictures: Sequence[Picture], vectors: FloatMatrix) -> None:
        """Upsert and commit into a fresh collection of the embedded engine."""
        size = self.encoder.spec.batch_size
        points = [Point(number, row, one) for number, (one, row) in enumerate(zip(pictures, vectors, strict=True), 1)]
        with (
            tempfile.TemporaryDirectory() as home,
            EdgeStore(Path(home), "stages").writer(self.encoder.spec, str(self.folder)) as writer,
        ):
            self._timed("start of the engine", lambda: list(writer.scan()))
            for start in range(0, len(points), size):
                self._timed("upsert", writer.upsert, points[start : start + size])
            self._timed("commit: optimise, flush, export", writer.commit, final=True)


def encoded(encoder: Encoder, pixels: PixelBatch) -> FloatMatrix:
    """The vectors of prepared pictures, batch by batch as an index run encodes them."""
    size = encoder.spec.batch_size
    return np.concatenate(
        [encoder.encode_images(pixels[start : start + size]) for start in range(0, len(pixels), size)]
    )
