"""What lite is trained on: captioned photographs and class names, turned into features once."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps
from torch import Tensor

from search_app.encoders.lite_pixels import IMAGE_SIZE, prepare
from search_app.encoders.lite_text import TOKEN_DIM, TokenTower
from search_app.errors import SearchAppError
from search_app.images.decode import decode_image

AT_ONCE = 32
MAX_PIXELS = 100_000_000


@dataclass(frozen=True, slots=True)
class Photograph:
    """One picture with the sentences people wrote about it."""

    file: str
    captions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ImageFeatures:
    """What the backbone says about n pictures."""

    mean: Tensor
    """(n, 1280), the last activations averaged over the picture."""
    peak: Tensor
    """(n, 1280), their largest value anywhere in it."""
    early: Tensor
    """(n, early), earlier activations pooled over the picture, and its colours on a coarse grid."""
    logits: Tensor
    """(n, 1000), ImageNet class scores."""

    def pooled(self) -> Tensor:
        """All but the class scores side by side."""
        return torch.cat([self.mean, self.peak, self.early], 1)

    def rows(self, chosen: NDArray[np.int64]) -> "ImageFeatures":
        """The features of some of the pictures."""
        return ImageFeatures(self.mean[chosen], self.peak[chosen], self.early[chosen], self.logits[chosen])


@dataclass(frozen=True, slots=True)
class TokenFeatures:
    """MiniLM's vectors of n sentences, kept without padding."""

    tokens: NDArray[np.float16]
    """(all tokens, 384)."""
    starts: NDArray[np.int64]
    """(n + 1,): where each sentence begins in `tokens`."""

    def batch(self, rows: Sequence[int] | NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """Padded tokens (rows, length, 384) and a 0/1 mask (rows, length)."""
        lengths = [int(self.starts[row + 1] - self.starts[row]) for row in rows]
        tokens = np.zeros((len(lengths), max(lengths), TOKEN_DIM), np.float32)
        mask = np.zeros(tokens.shape[:2], np.float32)
        for place, (row, length) in enumerate(zip(rows, lengths, strict=True)):
            tokens[place, :length] = self.tokens[self.starts[row] : self.starts[row + 1]]
            mask[place, :length] = 1
        return torch.from_numpy(tokens), torch.from_numpy(mask)

    def __len__(self) -> int:
        return len(self.starts) - 1


def read_photographs(captions: Path, split: str) -> list[Photograph]:
    """The photographs of one split of `{"NAME": {"split": ..., "captions": [...]}}`, sorted by name.

    Raises `SearchAppError` naming the file where it cannot be read or has another form.
    """
    try:
        entries = json.loads(captions.read_text(encoding="utf-8"))
        found = [
            Photograph(name, tuple(entry["captions"]))
            for name, entry in sorted(entries.items())
            if entry["split"] == split
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        form = '{"NAME.jpg": {"split": "train" or "dev", "captions": ["...", ...]}}'
        raise SearchAppError(f"{captions} cannot be used ({error!r}); it has to be {form}") from error
    if not found or not all(photograph.captions for photograph in found):
        raise SearchAppError(f"{captions}: the split {split!r} needs photographs, each with a caption")
    return found


def vary(picture: Image.Image, view: int, random: np.random.Generator) -> Image.Image:
    """View 0 is the picture, view 1 its mirror image, later ones random cuts of 60 to 100 % of it, half mirrored."""
    if view == 0:
        return picture
    if view > 1:
        width, height = (side * random.uniform(0.6, 1) ** 0.5 for side in picture.size)
        left, top = random.uniform(0, picture.width - width), random.uniform(0, picture.height - height)
        picture = picture.crop((round(left), round(top), round(left + width), round(top + height)))
    return ImageOps.mirror(picture) if view == 1 or random.random() < 0.5 else picture


def image_features(session: Any, folder: Path, files: Sequence[str], view: int = 0) -> ImageFeatures:
    """Run the backbone over one view (see `vary`) of files in `folder`; the same cuts every time."""
    random = np.random.default_rng(view)
    parts = []
    for start in range(0, len(files), AT_ONCE):
        pixels = []
        for file in files[start : start + AT_ONCE]:
            picture = decode_image(folder / file, max_pixels=MAX_PIXELS, min_size=(IMAGE_SIZE, IMAGE_SIZE)).image
            pixels.append(prepare(vary(picture, view, random)))
        parts.append(session.run(["mean", "peak", "early", "logits"], {"pixels": np.stack(pixels)}))
    return ImageFeatures(*(torch.from_numpy(np.concatenate(column)) for column in zip(*parts, strict=True)))


def token_features(tower: TokenTower, texts: Sequence[str]) -> TokenFeatures:
    """Run MiniLM over sentences, those of like length together."""
    vectors: list[NDArray[np.float16]] = [np.zeros((0, TOKEN_DIM), np.float16)] * len(texts)
    order = sorted(range(len(texts)), key=lambda row: len(texts[row]))
    for start in range(0, len(order), AT_ONCE):
        rows = order[start : start + AT_ONCE]
        tokens, mask = tower.encode([texts[row] for row in rows])
        for row, vector, length in zip(rows, tokens, mask.sum(1).astype(int), strict=True):
            vectors[row] = vector[:length].astype(np.float16)
    starts = np.concatenate([[0], np.cumsum([len(vector) for vector in vectors])])
    return TokenFeatures(np.concatenate(vectors), starts)
