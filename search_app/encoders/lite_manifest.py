"""What the folder `lite_model` holds: shared by the encoder and by the sentence model whose tokenizer lies there."""

import hashlib
import json
from pathlib import Path

from search_app.datatypes import EncoderSpec
from search_app.encoders.lite_pixels import IMAGE_SIZE, PREPARE_VERSION
from search_app.encoders.lite_runtime import INSTALL, available_cores
from search_app.encoders.lite_text import MINILM_SHA256
from search_app.errors import EncoderError, WeightsUnavailable

MODEL_FOLDER = Path(__file__).parent / "lite_model"
FILES = ("image_tower.onnx", "text_head.onnx", "tokenizer.json")
IMAGES_AT_ONCE = 2
"""A larger batch is encoded in parts, each in a thread: more at once are not faster and hold more memory."""
BATCH_SIZE = 8 * available_cores()
"""Enough parts for each core that none waits long for the last one."""


def read_manifest(folder: Path) -> tuple[EncoderSpec, dict[str, str]]:
    """What a model folder holds: the spec, and the SHA-256 of each file by name.

    Raises `WeightsUnavailable` where the folder has no manifest and `EncoderError` where it is damaged.
    """
    path = folder / "manifest.json"
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        sums: dict[str, str] = {name: str(manifest["sha256"][name]) for name in FILES}
        dim = int(manifest["dim"])
    except OSError as error:
        raise WeightsUnavailable(f"lite: {folder} holds no model ({error.strerror}): no manifest.json") from error
    except (ValueError, KeyError, TypeError) as error:
        raise EncoderError(f"lite: {path} is damaged; install again: {INSTALL}") from error
    whole = json.dumps([sorted(sums.items()), MINILM_SHA256, PREPARE_VERSION])
    spec = EncoderSpec(
        name="lite",
        dim=dim,
        fingerprint=hashlib.sha256(whole.encode()).hexdigest()[:32],
        image_size=(IMAGE_SIZE, IMAGE_SIZE),
        batch_size=BATCH_SIZE,
    )
    return spec, sums
