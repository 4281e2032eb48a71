"""A model trained here: a base encoder whose text vectors go through a small head."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Self

from PIL.Image import Image

from search_app.datatypes import EncoderSpec, FloatMatrix, PixelArray, PixelBatch
from search_app.encoders.adapter_head import AdapterHead, AdapterManifest, read_head, read_manifest
from search_app.encoders.base import Encoder, Preparer
from search_app.errors import EncoderError


class AdaptedEncoder:
    """The towers of the base, and the head after the text tower; as safe for threads as the base."""

    def __init__(self, name: str, base: Encoder, manifest: AdapterManifest, head: AdapterHead) -> None:
        """Take over `base`, which is closed with this encoder.

        Raises `EncoderError` where the base is not the one that the head was trained on.
        """
        if (base.spec.fingerprint, base.spec.dim) != (manifest.base_fingerprint, manifest.dim):
            raise EncoderError(
                f"{name}: was trained on another {manifest.base} ({manifest.base_fingerprint}) than the one "
                f"here ({base.spec.fingerprint}): train it again, or bring that one back"
            )
        self._base, self._head = base, head
        self._spec = replace(base.spec, name=name, fingerprint=manifest.fingerprint)

    @classmethod
    def load(cls, folder: Path, open_base: Callable[[str], Encoder]) -> Self:
        """Open the model in `folder`, which is called as the folder is; `open_base` opens an encoder by its name.

        Raises `EncoderError` for a file that is missing or damaged and for another base, and what `open_base` raises.
        """
        manifest = read_manifest(folder)
        if manifest.base == folder.name:
            raise EncoderError(f"{folder}: names itself as its base: train the model again")
        head = read_head(folder, manifest)
        base = open_base(manifest.base)
        try:
            return cls(folder.name, base, manifest, head)
        except EncoderError:
            base.close()
            raise

    @property
    def spec(self) -> EncoderSpec:
        """That of the base under this model's own name and fingerprint."""
        return self._spec

    @property
    def base_spec(self) -> EncoderSpec:
        """That of the base."""
        return self._base.spec

    def prepare(self, image: Image) -> PixelArray:
        """Prepare as the base does."""
        return self._base.prepare(image)

    @property
    def preparer(self) -> Preparer:
        """`prepare` without the model: it can be pickled and sent to other processes."""
        return self._base.preparer

    def encode_images(self, pixels: PixelBatch) -> FloatMatrix:
        """Encode as the base does."""
        return self.derive_images(self._base.encode_images(pixels))

    def encode_texts(self, texts: Sequence[str]) -> FloatMatrix:
        """Encode as the base does, then move by the head."""
        return self._head.adapt_texts(self._base.encode_texts(texts))

    def derive_images(self, vectors: FloatMatrix) -> FloatMatrix:
        """Picture vectors of this model from those of the base: the same, since a head moves texts only."""
        return vectors

    def close(self) -> None:
        """Close the base."""
        self._base.close()
