"""From files to pixels: a bad file is a value, not an end."""

from dataclasses import dataclass
from pathlib import Path

from search_app.datatypes import ImageRef, Picture, PixelArray
from search_app.encoders.base import Encoder
from search_app.errors import ImageError
from search_app.images.colour_names import dominant_colours
from search_app.images.decode import decode_bytes, read_image_file
from search_app.images.fingerprints import content_hash, picture_hashes
from search_app.ingest.plan import Embed


@dataclass(frozen=True, slots=True)
class Prepared:
    """One file on its way to the encoder: pixels, or the reason why there are none."""

    item: Embed
    picture: Picture | None
    pixels: PixelArray | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Preparation:
    """How files become pixels."""

    folder: Path
    encoder: Encoder
    max_pixels: int

    def run(self, item: Embed) -> Prepared:
        """Read, hash, decode and resize one file; called in worker threads."""
        try:
            return prepare_bytes(item, read_image_file(self.folder / item.ref.path), self.encoder, self.max_pixels)
        except ImageError as error:
            return Prepared(item, None, None, str(error))

    def hash_file(self, ref: ImageRef) -> str | None:
        """The content hash of a file, or None where it cannot be read."""
        try:
            return content_hash(read_image_file(self.folder / ref.path))
        except ImageError:
            return None


def prepare_bytes(item: Embed, data: bytes, encoder: Encoder, max_pixels: int) -> Prepared:
    """Hash, decode and resize the bytes of one file; raises `ImageError` where they are no picture that can be used."""
    ref = item.ref
    # Twice the encoder's size is left to JPEG draft decoding: see images.decode.
    decoded = decode_bytes(data, min_size=encoder.spec.image_size, max_pixels=max_pixels)
    picture = Picture(
        path=ref.path,
        content_hash=content_hash(data),
        size_bytes=ref.size_bytes,
        mtime_ns=ref.mtime_ns,
        width=decoded.width,
        height=decoded.height,
        format=decoded.format,
        phash=picture_hashes(decoded.image),
        colours=dominant_colours(decoded.image),
        taken=decoded.taken,
        meta=item.meta,
    )
    return Prepared(item, picture, encoder.prepare(decoded.image))
