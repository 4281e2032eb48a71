"""Measures a written lite model on captioned photographs, through the files that were written."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from search_app.encoders.lite_pixels import IMAGE_SIZE, prepare
from search_app.encoders.lite_runtime import available_cores, open_session
from search_app.encoders.lite_text import TokenTower
from search_app.images.decode import decode_image
from search_app.training.lite.data import ImageFeatures, Photograph, TokenFeatures
from search_app.training.lite.features import AT_ONCE, MAX_PIXELS
from search_app.training.lite.heads import ClassPart, ImageHead, TextHead

CUTOFFS = (1, 5, 10)
RESAMPLES = 1000
CAPTIONS_AT_ONCE = 250


@dataclass(frozen=True, slots=True)
class LiteReport:
    """Text-to-image recall: the share of captions whose own photograph is among the first k."""

    photographs: int
    recall: dict[int, float]
    """By k."""
    intervals: dict[int, tuple[float, float]]
    """95 % bootstrap interval by k, over photographs: captions of one photograph are not independent."""
    bytes: int
    """Size of the model's files."""

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Back from `dataclasses.asdict` by way of JSON, which makes every key a string."""
        recall = {int(k): value for k, value in content["recall"].items()}
        intervals = {int(k): (low, high) for k, (low, high) in content["intervals"].items()}
        return cls(content["photographs"], recall, intervals, content["bytes"])


class Validation:
    """The split `dev` as features: tells after each epoch how well one pair of heads does."""

    def __init__(self, photographs: ImageFeatures, captions: TokenFeatures, owners: NDArray[np.int64]) -> None:
        """`owners` gives each caption its photograph."""
        self._photographs, self._captions, self._owners = photographs, captions, owners

    def recall(self, image: ImageHead, text: TextHead, classes: ClassPart) -> dict[str, float]:
        """`R@k` of the heads alone, without class part and gate."""
        image.eval()
        text.eval()
        with torch.no_grad():
            images = image(self._photographs, classes(self._photographs.logits)).numpy()
            starts = range(0, len(self._captions), CAPTIONS_AT_ONCE)
            rows = [range(start, min(start + CAPTIONS_AT_ONCE, len(self._captions))) for start in starts]
            texts = np.concatenate([text(*self._captions.batch(part)).numpy() for part in rows])
        ranks = own_ranks(images, texts, self._owners)
        return {f"R@{cutoff}": float((ranks < cutoff).mean()) for cutoff in CUTOFFS}


def own_ranks(images: NDArray[np.float32], texts: NDArray[np.float32], owners: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each text, how many pictures score higher than its own; `owners` are rows of `images`."""
    scores = texts @ images.T
    own = scores[np.arange(len(texts)), owners]
    ranks: NDArray[np.int64] = (scores > own[:, None]).sum(1)
    return ranks


def recall_report(ranks: NDArray[np.int64], owners: NDArray[np.int64], size: int) -> LiteReport:
    """Recall at each cutoff with its interval."""
    count = int(owners.max()) + 1
    drawn = np.random.default_rng(0).integers(0, count, (RESAMPLES, count))
    captions = np.bincount(owners, minlength=count)
    recall, intervals = {}, {}
    for cutoff in CUTOFFS:
        found = np.bincount(owners, weights=ranks < cutoff, minlength=count)
        means = found[drawn].sum(1) / captions[drawn].sum(1)
        low, high = np.quantile(means, [0.025, 0.975])
        recall[cutoff] = float((ranks < cutoff).mean())
        intervals[cutoff] = (float(low), float(high))
    return LiteReport(count, recall, intervals, size)


def encode_photographs(session: Any, folder: Path, files: Sequence[str]) -> NDArray[np.float32]:
    """Vectors of files in `folder`, (n, dim)."""
    parts = []
    for start in range(0, len(files), AT_ONCE):
        paths = [folder / file for file in files[start : start + AT_ONCE]]
        size = (IMAGE_SIZE, IMAGE_SIZE)
        pictures = [decode_image(path, max_pixels=MAX_PIXELS, min_size=size).image for path in paths]
        parts += session.run(["vector"], {"pixels": np.stack([prepare(picture) for picture in pictures])})
    return np.concatenate(parts)


def measure(model: Path, tower: TokenTower, folder: Path, photographs: Sequence[Photograph]) -> LiteReport:
    """Encode photographs and captions with the files in `model`, and report."""
    image_tower = open_session((model / "image_tower.onnx").read_bytes(), available_cores())
    text_head = open_session((model / "text_head.onnx").read_bytes(), 1)
    images = encode_photographs(image_tower, folder, [photograph.file for photograph in photographs])
    captions = [caption for photograph in photographs for caption in photograph.captions]
    owners = np.repeat(np.arange(len(photographs)), [len(photograph.captions) for photograph in photographs])
    texts = []
    for start in range(0, len(captions), AT_ONCE):
        tokens, mask = tower.encode(captions[start : start + AT_ONCE])
        texts += text_head.run(["vector"], {"tokens": tokens, "mask": mask})
    manifest = model / "manifest.json"
    files = [manifest, *(model / name for name in json.loads(manifest.read_text(encoding="utf-8"))["sha256"])]
    size = sum(path.stat().st_size for path in files)
    return recall_report(own_ranks(images, np.concatenate(texts), owners), owners, size)
