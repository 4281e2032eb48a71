"""The encoder that needs no hub, no torch and no GPU: EfficientNet-Lite2 and MiniLM with heads of our own.

`lite_model/MODEL_CARD.md` says what the two towers are, what they were trained on and how well they do;
`search_app.training.lite.run` makes the files.
"""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from PIL.Image import Image

from search_app.datatypes import EncoderSpec, FloatMatrix, PixelArray, PixelBatch
from search_app.encoders.base import Preparer
from search_app.encoders.lite_manifest import IMAGES_AT_ONCE, MODEL_FOLDER, read_manifest
from search_app.encoders.lite_pixels import prepare
from search_app.encoders.lite_runtime import available_cores, open_session, read_verified
from search_app.encoders.lite_text import TEXTS_AT_ONCE, TokenTower, open_tower
from search_app.errors import EncoderError


class LiteEncoder:
    """Both towers on ONNX Runtime, from the files beside this module.

    That of the pictures is opened with the first picture: who only asks in words does without its time and memory.
    """

    def __init__(self, folder: Path = MODEL_FOLDER) -> None:
        """Verify all of the model in `folder` and load its text tower.

        Raises `MissingDependency` for a package that is not installed, `WeightsUnavailable` for a file that is
        missing and `EncoderError` for one whose SHA-256 is not the recorded one.
        """
        self._spec, sums = read_manifest(folder)
        files = {name: read_verified(folder / name, sha256) for name, sha256 in sums.items()}
        self._image_file, self._image_sum = folder / "image_tower.onnx", sums["image_tower.onnx"]
        self._image: Any = None
        self._opening = threading.Lock()
        self._threads = ThreadPoolExecutor(available_cores(), thread_name_prefix="lite")
        self._tokens: TokenTower | None = open_tower(files["tokenizer.json"])
        self._text: Any = open_session(files["text_head.onnx"], 1)

    @property
    def spec(self) -> EncoderSpec:
        """Name, dimension and fingerprint."""
        return self._spec

    def prepare(self, image: Image) -> PixelArray:
        """Cut and resize an RGB picture; uint8 (260, 260, 3)."""
        return prepare(image)

    @property
    def preparer(self) -> Preparer:
        """`prepare` without the model: it can be pickled and sent to other processes."""
        return prepare

    def encode_images(self, pixels: PixelBatch) -> FloatMatrix:
        """Encode prepared pictures, uint8 (n, 260, 260, 3), to float32 (n, dim) of unit rows."""
        session = self._image_tower()

        def encode(part: PixelBatch) -> FloatMatrix:
            [vectors] = session.run(["vector"], {"pixels": np.ascontiguousarray(part)})
            return vectors  # type: ignore[no-any-return]

        parts = [pixels[start : start + IMAGES_AT_ONCE] for start in range(0, len(pixels), IMAGES_AT_ONCE)]
        encoded = self._threads.map(encode, parts) if len(parts) > 1 else map(encode, parts)
        return np.concatenate([np.zeros((0, self._spec.dim), np.float32), *encoded])

    def encode_texts(self, texts: Sequence[str]) -> FloatMatrix:
        """Encode sentences to float32 (n, dim) of unit rows; what goes beyond 128 word pieces is not read."""
        tower, session = self._open(self._tokens), self._open(self._text)
        parts = [np.zeros((0, self._spec.dim), np.float32)]
        for start in range(0, len(texts), TEXTS_AT_ONCE):
            tokens, mask = tower.encode(texts[start : start + TEXTS_AT_ONCE])
            parts += session.run(["vector"], {"tokens": tokens, "mask": mask})
        return np.concatenate(parts)

    def close(self) -> None:
        """Give the sessions back; the encoder cannot be used afterwards."""
        self._image = self._text = self._tokens = None
        self._threads.shutdown()

    def _image_tower(self) -> Any:
        self._open(self._tokens)
        with self._opening:
            if self._image is None:
                # One thread for each part of a batch, not several for one part: pictures wait for each other once a
                # batch, operators would at each of their two hundred ends.
                content = read_verified(self._image_file, self._image_sum)
                self._image = open_session(content, 1, keep_memory=True)
            return self._image

    @staticmethod
    def _open(part: Any) -> Any:
        if part is None:
            raise EncoderError("lite: this encoder was closed; open another one")
        return part
