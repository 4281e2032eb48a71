"""The encoder protocol: pictures and sentences become unit vectors in one space."""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

from PIL.Image import Image

from search_app.datatypes import EncoderSpec, FloatMatrix, PixelArray, PixelBatch

Preparer: TypeAlias = Callable[[Image], PixelArray]
"""From an RGB picture to the pixels a model takes, as `Encoder.prepare`."""


class Encoder(Protocol):
    """Both towers of one model. Safe to call from several threads."""

    @property
    def spec(self) -> EncoderSpec:
        """Name, dimension and fingerprint; known without encoding anything."""
        ...

    def prepare(self, image: Image) -> PixelArray:
        """Resize and crop an RGB picture to `spec.image_size`; pure, cheap, called in worker threads.

        Returns uint8 (height, width, 3); normalising is left to `encode_images`.
        """
        ...

    @property
    def preparer(self) -> Preparer:
        """`prepare` without the model: it can be pickled and sent to other processes."""
        ...

    def encode_images(self, pixels: PixelBatch) -> FloatMatrix:
        """Encode prepared pictures, uint8 (n, height, width, 3), to float32 (n, dim) of unit rows."""
        ...

    def encode_texts(self, texts: Sequence[str]) -> FloatMatrix:
        """Encode sentences to float32 (n, dim) of unit rows, in the space of the pictures."""
        ...

    def close(self) -> None:
        """Give back memory and threads; the encoder cannot be used afterwards."""
        ...


class SentenceEncoder(Protocol):
    """A text model that compares texts with texts. Safe to call from several threads."""

    fingerprint: str
    """Changes whenever the vectors would."""
    dim: int

    def encode_sentences(self, texts: Sequence[str]) -> FloatMatrix:
        """Encode texts to float32 (n, dim) of unit rows."""
        ...

    def close(self) -> None:
        """Give back memory and threads; the encoder cannot be used afterwards."""
        ...
