"""What workers of Ray can open: encoders and a reader of words, slow enough to be killed at work, or killing."""

import os
import signal
import time
from dataclasses import replace

from PIL import Image

from search_app.datatypes import EncoderSpec, FloatMatrix, PixelArray, PixelBatch, PrintedWords, Word
from search_app.encoders.base import Preparer
from search_app.encoders.stub import StubEncoder
from search_app.errors import WordsError

KILLS_DECODING, KILLS_ENCODING, KILLS_READING, NOT_READ = ((at, 255 - at, at) for at in (10, 60, 110, 160))
"""Colours of whole pictures."""


def die_at(colour: tuple[int, ...], number: signal.Signals, found: tuple[int, ...]) -> None:
    """What a fault in native code does to its process."""
    if colour == found:
        os.kill(os.getpid(), number)
        time.sleep(60)


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


def prepare_or_die(image: Image.Image) -> PixelArray:
    """As `stub` prepares; some colours kill."""
    die_at(KILLS_DECODING, signal.SIGKILL, image.getpixel((0, 0)))
    return StubEncoder().prepare(image)


class Deadly(StubEncoder):
    """`stub`, two pictures at a time; what prepares or encodes pictures of certain colours dies."""

    @property
    def spec(self) -> EncoderSpec:
        return replace(super().spec, batch_size=2)

    @property
    def preparer(self) -> Preparer:
        return prepare_or_die

    def encode_images(self, pixels: PixelBatch) -> FloatMatrix:
        for one in pixels:
            die_at(KILLS_ENCODING, signal.SIGSEGV, tuple(one[0, 0].tolist()))
        return super().encode_images(pixels)


class Hopeless(Deadly):
    """Dies at whatever it encodes."""

    def encode_images(self, pixels: PixelBatch) -> FloatMatrix:
        die_at((), signal.SIGKILL, ())
        return super().encode_images(pixels)


class SizeReader:
    """Reads how large a picture is; counts what it was given in this process."""

    fingerprint = "sizes-1"

    def __init__(self) -> None:
        self.count = 0

    def read(self, image: Image.Image) -> PrintedWords:
        self.count += 1
        if image.getpixel((0, 0)) == NOT_READ:
            raise WordsError("its words cannot be read: too dark")
        return PrintedWords((Word(f"{image.width} by {image.height}", (0.1, 0.2, 0.3, 0.4), 0.9),), "sizes")

    def close(self) -> None:
        """Nothing is held."""


class DeadlyReader(SizeReader):
    """The same; dies at pictures of one colour."""

    def read(self, image: Image.Image) -> PrintedWords:
        die_at(KILLS_READING, signal.SIGKILL, image.getpixel((0, 0)))
        return super().read(image)


class OtherReader(SizeReader):
    """Another one."""

    fingerprint = "sizes-2"
