"""From files to pixels: a bad file is a value, not an end."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from PIL.Image import Image

from search_app.datatypes import UNKNOWN_SIZE, EncoderSpec, ImageRef, Picture, PixelArray
from search_app.errors import ImageError, Unreachable
from search_app.images.colour_names import dominant_colours
from search_app.images.decode import decode_bytes
from search_app.images.fingerprints import content_hash, picture_hashes
from search_app.ingest.plan import Embed
from search_app.sources.base import Source
from search_app.sources.opening import open_source


@dataclass(frozen=True, slots=True)
class Prepared:
    """One file on its way to the encoder: pixels, or the reason why there are none."""

    item: Embed
    picture: Picture | None
    pixels: PixelArray | None
    reason: str = ""
    is_unreachable: bool = False
    """The source gave no answer: nobody knows whether the file is still what it was."""


class Resizer(Protocol):
    """As much of an encoder as preparing takes."""

    @property
    def spec(self) -> EncoderSpec:
        """What the encoder is."""
        ...

    def prepare(self, image: Image) -> PixelArray:
        """See `Encoder.prepare`."""
        ...


@dataclass(frozen=True, slots=True)
class Preparation:
    """How files become pixels."""

    source: Source
    encoder: Resizer
    max_pixels: int

    def run(self, item: Embed) -> Prepared:
        """Read, hash, decode and resize one file; called in worker threads."""
        try:
            return prepare_bytes(item, self.source.read(item.ref), self.encoder, self.max_pixels)
        except ImageError as error:
            return Prepared(item, None, None, str(error), isinstance(error, Unreachable))

    def hash_file(self, ref: ImageRef) -> str | None:
        """The content hash of a file, or None where it cannot be read."""
        try:
            return content_hash(self.source.read(ref))
        except ImageError:
            return None


@dataclass(frozen=True, slots=True)
class Reading:
    """What another process is told to prepare files. It takes the place of an encoder, of which the size is needed."""

    location: str
    spec: EncoderSpec
    prepare: Callable[[Image], PixelArray]
    max_pixels: int


def prepare_one(item: Embed, reading: Reading) -> Prepared:
    """`Preparation.run` in a process that was told what to do."""
    return Preparation(source_at(reading.location), reading, reading.max_pixels).run(item)


@lru_cache(maxsize=1)
def source_at(location: str) -> Source:
    """Opened once in each process."""
    return open_source(location)


def prepare_bytes(item: Embed, data: bytes, encoder: Resizer, max_pixels: int) -> Prepared:
    """Hash, decode and resize the bytes of one file; raises `ImageError` where they are no picture that can be used."""
    ref = item.ref
    # Twice the encoder's size is left to JPEG draft decoding: see images.decode.
    decoded = decode_bytes(data, min_size=encoder.spec.image_size, max_pixels=max_pixels)
    picture = Picture(
        path=ref.path,
        content_hash=content_hash(data),
        size_bytes=len(data) if ref.size_bytes == UNKNOWN_SIZE else ref.size_bytes,
        mtime_ns=ref.mtime_ns,
        width=decoded.width,
        height=decoded.height,
        format=decoded.format,
        phash=picture_hashes(decoded.image),
        colours=dominant_colours(decoded.image),
        taken=decoded.taken,
        meta=item.meta,
        version=ref.version,
    )
    return Prepared(item, picture, encoder.prepare(decoded.image))
