"""The residual head of an adapted model: how it moves a text vector, and the files that hold it.

A head adds to a text vector t what a kernel makes of its likeness to known texts a:
t' = unit(t + sum_a exp(sharpness * (cos(t, a) - 1)) * residual_a). Far from every known text nothing is added. Pictures
keep the vectors of the base: any change of scores that is linear in the picture can be made on the side of the text.
"""

import hashlib
import io
import json
import re
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from search_app.datatypes import FloatMatrix
from search_app.errors import EncoderError

MANIFEST = "adapter.json"
FORMAT = 1
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")
"""What a model trained here may be called: no slash, so that no model of open_clip is hidden by it."""
_ARRAYS = ("known", "residual")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, eq=False)
class AdapterHead:
    """Known texts and what is added near them."""

    known: FloatMatrix
    """(n, dim), unit rows: text vectors of the base."""
    residual: FloatMatrix
    """(n, dim), of any length."""
    sharpness: float
    """How fast the kernel falls with the distance; above 0."""

    def residuals(self, texts: FloatMatrix) -> FloatMatrix:
        """What is added to text vectors (n, dim) of the base."""
        added: FloatMatrix = text_kernel(texts, self.known, self.sharpness) @ self.residual
        return added

    def adapt_texts(self, texts: FloatMatrix) -> FloatMatrix:
        """Unit text vectors of the adapted model from those of the base, (n, dim)."""
        moved = texts + self.residuals(texts)
        unit: FloatMatrix = moved / np.linalg.norm(moved, axis=1, keepdims=True)
        return unit.astype(np.float32)

    def at(self, strength: float) -> Self:
        """The same head, its residual times `strength`; 0 is the base."""
        return replace(self, residual=(self.residual * np.float32(strength)).astype(np.float32))

    def to_bytes(self) -> bytes:
        """The arrays as an npz file; the same arrays give the same bytes."""
        stream = io.BytesIO()
        np.savez(stream, known=self.known, residual=self.residual)
        return stream.getvalue()


def text_kernel(texts: FloatMatrix, known: FloatMatrix, sharpness: float) -> FloatMatrix:
    """Likeness (n, m) of two lists of unit vectors: 1 for the same direction, falling to 0."""
    kernel: FloatMatrix = np.exp(np.float32(sharpness) * (texts @ known.T - 1))
    return kernel


@dataclass(frozen=True, slots=True)
class AdapterManifest:
    """The content of `adapter.json`, the file that makes a folder an adapted model."""

    base: str
    """As `SEARCH_MODEL` spells it."""
    base_fingerprint: str
    """Of the one encoder whose vectors the head understands."""
    dim: int
    sharpness: float
    sha256: str
    """Of the arrays, which lie in `head-SHA256.npz`: this file names the arrays it belongs to."""

    @property
    def arrays(self) -> str:
        """Name of the file that holds the arrays."""
        return f"head-{self.sha256[:16]}.npz"

    @property
    def fingerprint(self) -> str:
        """Changes whenever the vectors would."""
        whole = json.dumps([FORMAT, self.base_fingerprint, self.dim, self.sharpness, self.sha256])
        return hashlib.sha256(whole.encode()).hexdigest()[:32]

    def to_json(self) -> dict[str, object]:
        """Plain JSON values."""
        return {
            "format": FORMAT,
            "kind": "text adapter",
            "base": self.base,
            "base_fingerprint": self.base_fingerprint,
            "dim": self.dim,
            "sharpness": self.sharpness,
            "sha256": self.sha256,
        }


def adapted_names(models: Path) -> list[str]:
    """Names of the models trained here, which lie in `models`, one folder each."""
    return sorted(path.parent.name for path in models.glob(f"*/{MANIFEST}") if NAME.fullmatch(path.parent.name))


def describe(head: AdapterHead, base: str, base_fingerprint: str) -> AdapterManifest:
    """The manifest of a head that was made for a base."""
    digest = hashlib.sha256(head.to_bytes()).hexdigest()
    return AdapterManifest(base, base_fingerprint, int(head.known.shape[1]), head.sharpness, digest)


def read_manifest(folder: Path) -> AdapterManifest:
    """Read `adapter.json`; raises `EncoderError` where it is missing, damaged or of another version."""
    path = folder / MANIFEST
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise EncoderError(f"{path}: format {content['format']!r} is not known here: update, or train it again")
        manifest = AdapterManifest(
            base=str(content["base"]),
            base_fingerprint=str(content["base_fingerprint"]),
            dim=int(content["dim"]),
            sharpness=float(content["sharpness"]),
            sha256=str(content["sha256"]),
        )
    except OSError as error:
        raise EncoderError(f"{path}: cannot be read ({error.strerror}): train the model again") from error
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(path) from error
    if not (_SHA256.fullmatch(manifest.sha256) and manifest.dim > 0 and 0 < manifest.sharpness < np.inf):
        raise _damaged(path)
    return manifest


def read_head(folder: Path, manifest: AdapterManifest) -> AdapterHead:
    """Read and verify the arrays; raises `EncoderError` where they are not those that were written."""
    path = folder / manifest.arrays
    try:
        content = path.read_bytes()
    except OSError as error:
        raise EncoderError(f"{path}: cannot be read ({error.strerror}): train the model again") from error
    if hashlib.sha256(content).hexdigest() != manifest.sha256:
        raise _damaged(path)
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            known, residual = (np.asarray(arrays[name], np.float32) for name in _ARRAYS)
    except (ValueError, KeyError, OSError, zipfile.BadZipFile) as error:
        raise _damaged(path) from error
    if known.ndim != 2 or known.shape != residual.shape or known.shape[1] != manifest.dim:
        raise _damaged(path)
    if not (np.isfinite(known).all() and np.isfinite(residual).all()):
        raise _damaged(path)
    return AdapterHead(known, residual, manifest.sharpness)


def _damaged(path: Path) -> EncoderError:
    return EncoderError(f"{path}: is damaged: train the model again or bring the file back from a copy")
