"""The encoder of an exported open_clip model: both towers on ONNX Runtime, without torch.

`python -m search_app export` makes the folder (`search_app.training.export`).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image

from search_app.datatypes import EncoderSpec, FloatMatrix, PixelArray, PixelBatch
from search_app.encoders.base import Preparer
from search_app.encoders.clip_tokens import ClipTokenizer
from search_app.encoders.lite_runtime import available_cores, open_session
from search_app.encoders.onnx_manifest import (
    IMAGE_TOWER,
    TEXT_TOWER,
    TOKENIZER,
    OnnxManifest,
    read_onnx_manifest,
)
from search_app.encoders.weights import EXPORTED
from search_app.errors import EncoderError

IMAGES_AT_ONCE = 16
"""More bring no speed and hold more memory."""
TEXTS_AT_ONCE = 32
MAX_TEXT_THREADS = 4
"""One sentence is too little work for more."""


class OnnxClipEncoder:
    """Both towers of an exported model. Each has one session, whose threads all callers share."""

    def __init__(self, name: str, folder: Path, manifest: OnnxManifest) -> None:
        """Load what `read_onnx_manifest` found in order in `folder`."""
        self._manifest = manifest
        self._spec = EncoderSpec(
            name=name,
            dim=manifest.dim,
            fingerprint=manifest.fingerprint,
            image_size=manifest.transform.size,
            precision=manifest.precision,
            batch_size=IMAGES_AT_ONCE,
        )
        content = (folder / TOKENIZER).read_bytes()
        self._tokenizer = ClipTokenizer(content, manifest.context_length, manifest.cleaning)
        cores = available_cores()
        self._image: Any = open_session(str(folder / IMAGE_TOWER), cores, keep_memory=True)
        self._text: Any = open_session(str(folder / TEXT_TOWER), min(cores, MAX_TEXT_THREADS), keep_memory=True)

    @classmethod
    def load(cls, name: str, *, device: Literal["auto", "cpu", "cuda"] = "auto") -> Self:
        """Open `onnx:FOLDER`.

        Raises `WeightsUnavailable` for a missing file, `EncoderError` for a changed one and where CUDA is asked for,
        and `MissingDependency`.
        """
        if device == "cuda":
            raise EncoderError(
                f"{name} runs on the CPU only: set SEARCH_DEVICE=auto, or take the model it was made from"
            )
        folder = Path(name.removeprefix(EXPORTED)).expanduser()
        return cls(name, folder, read_onnx_manifest(folder))

    @property
    def spec(self) -> EncoderSpec:
        """Name, dimension and fingerprint; that of the model it was made from where the vectors are its own."""
        return self._spec

    def prepare(self, image: Image) -> PixelArray:
        """Resize and crop an RGB picture as open_clip does."""
        return self._manifest.transform.prepare(image)

    @property
    def preparer(self) -> Preparer:
        """`prepare` without the model: it can be pickled and sent to other processes."""
        return self._manifest.transform.prepare

    def encode_images(self, pixels: PixelBatch) -> FloatMatrix:
        """Encode prepared pictures, uint8 (n, height, width, 3), to float32 (n, dim) of unit rows."""
        parts = [np.zeros((0, self._spec.dim), np.float32)]
        for start in range(0, len(pixels), IMAGES_AT_ONCE):
            batch = np.ascontiguousarray(pixels[start : start + IMAGES_AT_ONCE])
            parts.append(self._run(self._image, {"pixels": batch}))
        return np.concatenate(parts)

    def encode_texts(self, texts: Sequence[str]) -> FloatMatrix:
        """Encode sentences to float32 (n, dim) of unit rows; what exceeds the context length is cut off."""
        parts = [np.zeros((0, self._spec.dim), np.float32)]
        for start in range(0, len(texts), TEXTS_AT_ONCE):
            tokens = self.tokens(texts[start : start + TEXTS_AT_ONCE])
            parts.append(self._run(self._text, {"tokens": tokens}))
        return np.concatenate(parts)

    def tokens(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Token ids as the text tower takes them: as long as the longest sentence, or as the context."""
        tokens = self._tokenizer.encode(texts)
        if self._manifest.is_cut:
            tokens = np.ascontiguousarray(tokens[:, : self._tokenizer.lengths(tokens).max()])
        return tokens

    def close(self) -> None:
        """Give the sessions back; the encoder cannot be used afterwards."""
        self._image = self._text = None

    def _run(self, session: Any, inputs: dict[str, Any]) -> FloatMatrix:
        if session is None:
            raise EncoderError(f"{self._spec.name} is closed")
        (vectors,) = session.run(["vector"], inputs)
        if not np.isfinite(vectors).all():
            raise EncoderError(f"{self._spec.name} gave a vector that is not finite: its weights are damaged")
        return vectors  # type: ignore[no-any-return]
