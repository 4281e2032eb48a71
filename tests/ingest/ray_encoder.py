"""An encoder that workers of Ray can open: small batches, and slow enough to be killed at work."""

import time
from dataclasses import replace

from search_app.datatypes import EncoderSpec, FloatMatrix, PixelBatch
from search_app.encoders.stub import StubEncoder


class SlowStub(StubEncoder):
    """`stub`, four pictures at a time, a few batches a second."""

    @property
    def spec(self) -> EncoderSpec:
        return replace(super().spec, batch_size=4)

    def encode_images(self, pixels: PixelBatch) -> FloatMatrix:
        time.sleep(0.1)
        return super().encode_images(pixels)


class OtherWeights(StubEncoder):
    """The same by name only."""

    @property
    def spec(self) -> EncoderSpec:
        return replace(super().spec, fingerprint="stub-2")
