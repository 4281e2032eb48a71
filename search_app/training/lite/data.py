"""What lite is trained on: captioned photographs, and what the frozen networks say about them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from search_app.encoders.lite_text import TOKEN_DIM
from search_app.errors import TrainingError


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

    Raises `TrainingError` naming the file where it cannot be read or has another form.
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
        raise TrainingError(f"{captions} cannot be used ({error!r}); it has to be {form}") from error
    if not found or not all(photograph.captions for photograph in found):
        raise TrainingError(f"{captions}: the split {split!r} needs photographs, each with a caption")
    return found
