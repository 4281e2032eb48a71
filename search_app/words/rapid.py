"""RapidOCR's PP-OCRv6 (Apache-2.0) on ONNX Runtime: finds the lines of text in a picture and reads each."""

import hashlib
import os
import threading
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from search_app.datatypes import PrintedWords, Word
from search_app.errors import EncoderError, MissingDependency, WordsError
from search_app.words.reading_order import reading_order

MAX_SIDE = 1024
"""Larger pictures are shrunk to this."""
MIN_CONFIDENCE = 0.6
"""Lines read with less are left out."""
MIN_SIDE = 8
"""Pixels; nothing can be read in a picture that is thinner than this."""
SOURCE = "rapidocr"
"""As `PrintedWords.source` has it."""
INSTALL = "pip install -r requirements-lite.txt"

_MODELS = {"Det": "PP-OCRv6_det_small.onnx", "Rec": "PP-OCRv6_rec_small.onnx"}
"""All there is in the package's wheel; each is named by its path, so that nothing is ever downloaded."""
_SETTINGS = {
    "Global.use_cls": False,  # whether a line stands on its head: seldom true in adverts, and often guessed wrongly
    "Global.use_preprocess_img": False,  # sizes are our business
    "Global.text_score": MIN_CONFIDENCE,
    "Global.log_level": "critical",
    "Det.limit_type": "max",
    "Det.limit_side_len": MAX_SIDE,
    # Line by line: a fifth faster than six lines padded to the longest, and what a line says hangs on no other line.
    "Rec.rec_batch_num": 1,
    # One thread a picture, the caller's: several pictures are read at once, and no threads pile up.
    "EngineConfig.onnxruntime.intra_op_num_threads": 1,
    "EngineConfig.onnxruntime.inter_op_num_threads": 1,
}


class RapidReader:
    """A `WordReader` without threads of its own: each caller's thread reads its picture."""

    def __init__(self) -> None:
        """Find the models; the first picture loads them: a second and 150 MB.

        Raises `MissingDependency` where the package is not installed, `EncoderError` where a model is missing.
        """
        self._models = _find_models()
        self.fingerprint = _fingerprint(self._models)
        self._engine: Any = None
        self._is_closed = False
        self._lock = threading.Lock()

    def read(self, image: Image.Image) -> PrintedWords:
        """See `WordReader`."""
        engine = self._loaded()
        small = image.convert("RGB")
        small.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS)
        if min(small.size) < MIN_SIDE:
            return PrintedWords((), SOURCE)
        blue_green_red = np.ascontiguousarray(np.asarray(small)[:, :, ::-1])
        try:
            found = engine(blue_green_red)
        except Exception as error:  # the boundary: OpenCV, ONNX Runtime and shapely raise what they like
            raise WordsError(f"its words cannot be read: {type(error).__name__}: {str(error)[-200:]}") from error
        return PrintedWords(_words(found, small.size), SOURCE)

    def close(self) -> None:
        """See `WordReader`."""
        with self._lock:
            self._engine, self._is_closed = None, True

    def _loaded(self) -> Any:
        with self._lock:
            if self._is_closed:
                raise EncoderError("the reader of words was closed: open another one")
            self._engine = self._engine or _load(self._models)
            return self._engine


def _find_models() -> dict[str, Path]:
    spec = find_spec("rapidocr")
    if spec is None or not spec.submodule_search_locations:
        raise MissingDependency(
            f"words in pictures are read by rapidocr, which is not installed: {INSTALL}; without: SEARCH_WORDS=off"
        )
    folder = Path(spec.submodule_search_locations[0]) / "models"
    models = {part: folder / name for part, name in _MODELS.items()}
    for model in models.values():
        if not model.is_file():
            raise EncoderError(f"{model} is missing: rapidocr came without it; install again: {INSTALL}")
    return models


def _fingerprint(models: dict[str, Path]) -> str:
    settings = {name: value for name, value in _SETTINGS.items() if not name.startswith("EngineConfig.")}
    total = hashlib.sha256(f"{version('rapidocr')} {MIN_SIDE} {sorted(settings.items())}".encode())
    for model in models.values():
        total.update(hashlib.sha256(model.read_bytes()).digest())
    return total.hexdigest()[:32]


def _load(models: dict[str, Path]) -> Any:
    # Nothing phones home: importing ONNX Runtime would write a device id and could send events.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    try:
        from rapidocr import RapidOCR
    except ImportError as error:
        raise MissingDependency(f"rapidocr cannot be loaded ({error}); install again: {INSTALL}") from error
    paths = {f"{part}.model_path": str(path) for part, path in models.items()}
    nothing = np.full((32, 64, 3), 255, np.uint8)
    try:
        engine = RapidOCR(params={**_SETTINGS, **paths})
        # Each model is opened at its first use: used here once, so that a bad one is found now and not in a thread.
        engine(nothing, use_det=False)
        engine(nothing, use_det=True)
    except Exception as error:  # the boundary, as above
        reason = f"{type(error).__name__}: {str(error)[-200:]}"
        raise EncoderError(f"the models of rapidocr cannot be used ({reason}); install again: {INSTALL}") from error
    return engine


def _words(found: Any, size: tuple[int, int]) -> tuple[Word, ...]:
    """From corners in pixels (n, 4, 2) to upright boxes in shares of the picture, in reading order."""
    if found.txts is None:
        return ()
    corners = np.clip(np.asarray(found.boxes, np.float64) / size, 0, 1)
    # Four digits: a tenth of a pixel, and what is stored stays small.
    sides = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1).round(4).tolist()
    boxes = [(left, top, right, bottom) for left, top, right, bottom in sides]
    texts = [" ".join(text.split()) for text in found.txts]
    scores = [round(min(max(float(score), 0.0), 1.0), 4) for score in found.scores]
    return tuple(Word(texts[at], boxes[at], scores[at]) for at in reading_order(boxes) if texts[at])
