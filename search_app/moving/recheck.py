"""The honest check of vectors that were made elsewhere: some pictures are embedded once more and compared.

A file of vectors says nothing that proves which model made it. The same model on another machine, in float16 or with
another way to resize, comes to cosines above .98; another model, or the wrong order of rows, to cosines around 0.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from search_app.datatypes import WholePoint
from search_app.encoders.base import Encoder
from search_app.errors import ImageError, MovingError
from search_app.images.decode import decode_bytes, read_image_file

LEAST = 0.95


@dataclass(slots=True)
class Recheck:
    """Embeds one picture in so many until enough were compared."""

    encoder: Encoder
    folder: Path
    max_pixels: int
    wanted: int
    every: int
    """Rows from one picture that is looked for to the next."""
    cosines: list[float] = field(default_factory=list)

    def watch(self, points: Iterator[WholePoint]) -> Iterator[WholePoint]:
        """The same points; raises `MovingError` at the first whose vector is not the model's."""
        waits = 0
        for point in points:
            if len(self.cosines) < self.wanted and waits <= 0 and self._compare(point):
                waits = self.every
            waits -= 1
            yield point

    def _compare(self, point: WholePoint) -> bool:
        """Whether its file is here and could be compared."""
        file = self.folder / point.picture.path
        if not file.is_file():
            return False
        spec = self.encoder.spec
        try:
            seen = decode_bytes(read_image_file(file), min_size=spec.image_size, max_pixels=self.max_pixels)
        except ImageError:
            return False
        made = self.encoder.encode_images(self.encoder.prepare(seen.image)[np.newaxis])[0]
        cosine = float(made @ point.vector)
        if not cosine >= LEAST:
            raise MovingError(
                f"the vector of {point.picture.path!r} is not what {spec.name} makes of the picture (cosine "
                f"{cosine:.3f}, {LEAST} is the least): name the model that made it with --model, or look whether "
                f"{self.folder} is the folder that it was made from; nothing was imported"
            )
        self.cosines.append(cosine)
        return True
