"""What lies in the folder of an exported model: the file that says so, and the check that it is all there.

An export in fp32 carries the fingerprint of the model it was made from: weights, preprocessing, tokenizer and
activation are the same, and the vectors were compared before the folder was made (`PARITY`). An index made by one may
be searched by the other, as one made in bf16 may be in fp32. An int8 export has a fingerprint of its own.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Self, get_args

from search_app.encoders.clip_tokens import Cleaning
from search_app.encoders.preprocess import ImageTransform
from search_app.encoders.weights import EXPORT_MANIFEST
from search_app.errors import EncoderError, WeightsUnavailable

TOKENIZER = "tokenizer.json"
IMAGE_TOWER, TEXT_TOWER = "image_tower.onnx", "text_tower.onnx"
PARITY = {"fp32": 0.9999, "int8": 0.98}
"""The least cosine to the vectors of torch that an export may have, by its precision."""
FORMAT = 1
SEAL = "seal"
ExportPrecision = Literal["fp32", "int8"]


@dataclass(frozen=True, slots=True)
class OnnxManifest:
    """The content of `manifest.json`."""

    source: str
    """The model it was made from, as `SEARCH_MODEL` spelt it."""
    fingerprint: str
    dim: int
    precision: ExportPrecision
    context_length: int
    is_cut: bool
    """Whether the text tower takes sentences at their own length."""
    cleaning: Cleaning
    transform: ImageTransform
    sha256: Mapping[str, str]
    """Of every other file the encoder reads, by name."""

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Back from `to_json`; raises `KeyError`, `TypeError` or `ValueError` for anything else.

        Exports of before there were seals have none.
        """
        if content["format"] != FORMAT:
            raise ValueError(f"format {content['format']!r}")
        content = dict(content)
        if content.pop(SEAL, None) not in {None, seal_of(content)}:
            raise ValueError("it is not as it was written")
        values = {name: value for name, value in content.items() if name not in {"format", "transform", "parity"}}
        transform: Any = {name: tuple(v) if isinstance(v, list) else v for name, v in content["transform"].items()}
        manifest = cls(**values, transform=ImageTransform(**transform))
        if manifest.precision not in PARITY or manifest.cleaning not in get_args(Cleaning):
            raise ValueError(f"precision {manifest.precision!r}, cleaning {manifest.cleaning!r}")
        return manifest

    def to_json(self, parity: Mapping[str, Any]) -> dict[str, Any]:
        """Plain JSON values, with the report of what was compared."""
        content = {"format": FORMAT, **asdict(self), "parity": dict(parity)}
        return {**content, SEAL: seal_of(content)}


def seal_of(content: Mapping[str, Any]) -> str:
    """Changes with anything in the manifest: another mean of the colours would give other vectors by the same files."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def fingerprint_of(base: str, precision: ExportPrecision, sha256: Mapping[str, str]) -> str:
    """The base's own in fp32; else one over the base and the files."""
    if precision == "fp32":
        return base
    return hashlib.sha256(json.dumps([base, precision, sorted(sha256.items())]).encode()).hexdigest()[:32]


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_onnx_manifest(folder: Path) -> OnnxManifest:
    """Read `manifest.json` and check every file it names.

    Raises `WeightsUnavailable` where something is missing and `EncoderError` where it is not what was exported.
    """
    again = "export the model again with `python -m search_app export`"
    path = folder / EXPORT_MANIFEST
    try:
        manifest = OnnxManifest.from_json(json.loads(path.read_text(encoding="utf-8")))
        found = {name: digest(folder / name) for name in manifest.sha256}
    except OSError as error:
        raise WeightsUnavailable(f"{error.filename} cannot be read ({error.strerror}): {again}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise EncoderError(f"{path} is damaged or of another version ({error}): {again}") from error
    changed = [name for name, sha256 in manifest.sha256.items() if found[name] != sha256]
    if changed:
        raise EncoderError(f"{folder / changed[0]} is not the file that was exported: {again}")
    return manifest
