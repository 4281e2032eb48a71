"""Runs the two frozen networks over photographs and captions, part by part, each part kept in a cache."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps

from search_app.encoders.lite_pixels import IMAGE_SIZE, PREPARE_VERSION, prepare
from search_app.encoders.lite_runtime import available_cores, open_session
from search_app.encoders.lite_text import MINILM_SHA256, TOKEN_DIM, TokenTower
from search_app.errors import TrainingError
from search_app.images.decode import decode_image
from search_app.training.feature_cache import Arrays, FeatureCache
from search_app.training.lite.data import ImageFeatures, TokenFeatures

AT_ONCE = 32
PART = 16 * AT_ONCE
"""Pictures or sentences in one file of the cache: what a kill costs at most."""
MAX_PIXELS = 100_000_000
DRAWS = 5
"""Random numbers that `vary` takes for each picture of a view that is cut."""

Progress: TypeAlias = Callable[[int, int], None]
"""Called with (done, total)."""


def silent(_done: int, _total: int) -> None:
    """Show nothing."""


@dataclass(frozen=True, slots=True)
class PictureNetwork:
    """The backbone, ready to run."""

    session: Any
    digest: bytes
    """Of the network and of how pixels are prepared."""

    @classmethod
    def open(cls, content: bytes) -> "PictureNetwork":
        """Open a written backbone (see `lite_backbone.backbone_bytes`)."""
        session = open_session(content, available_cores(), keep_memory=True)
        settings = f"{PREPARE_VERSION} {IMAGE_SIZE} {AT_ONCE}".encode()
        return cls(session, hashlib.sha256(content + settings).digest())


def vary(picture: Image.Image, view: int, random: np.random.Generator) -> Image.Image:
    """View 0 is the picture, view 1 its mirror image, later ones random cuts of 60 to 100 % of it, half mirrored."""
    if view == 0:
        return picture
    if view > 1:
        width, height = (side * random.uniform(0.6, 1) ** 0.5 for side in picture.size)
        left, top = random.uniform(0, picture.width - width), random.uniform(0, picture.height - height)
        picture = picture.crop((round(left), round(top), round(left + width), round(top + height)))
    return ImageOps.mirror(picture) if view == 1 or random.random() < 0.5 else picture


def image_features(
    network: PictureNetwork, paths: Sequence[Path], view: int, cache: FeatureCache, progress: Progress = silent
) -> ImageFeatures:
    """Run the backbone over one view (see `vary`) of pictures; the same cuts every time, wherever a run began.

    Raises `ImageError` where a picture cannot be decoded and `TrainingError` where one cannot be read.
    """
    parts: list[Arrays] = []
    for start in range(0, len(paths), PART):
        chosen = paths[start : start + PART]
        random = np.random.PCG64(view)
        random.advance(DRAWS * start)
        origin = [network.digest, f"view {view} from {start if view > 1 else 0}".encode(), *file_digests(chosen)]
        parts.append(cache.arrays(origin, lambda c=chosen, r=random: run(network, c, view, np.random.Generator(r))))  # type: ignore[misc]
        progress(start + len(chosen), len(paths))
    return ImageFeatures(*(torch.from_numpy(np.concatenate(column)) for column in zip(*parts, strict=True)))


def run(network: PictureNetwork, paths: Sequence[Path], view: int, random: np.random.Generator) -> Arrays:
    """Mean, peak, early and logits of some pictures."""
    parts = []
    for start in range(0, len(paths), AT_ONCE):
        pixels = []
        for path in paths[start : start + AT_ONCE]:
            picture = decode_image(path, max_pixels=MAX_PIXELS, min_size=(IMAGE_SIZE, IMAGE_SIZE)).image
            pixels.append(prepare(vary(picture, view, random)))
        parts.append(network.session.run(["mean", "peak", "early", "logits"], {"pixels": np.stack(pixels)}))
    return tuple(np.concatenate(column) for column in zip(*parts, strict=True))


def file_digests(paths: Sequence[Path]) -> Iterator[bytes]:
    """The SHA-256 of each file."""
    for path in paths:
        try:
            yield hashlib.sha256(path.read_bytes()).digest()
        except OSError as error:
            raise TrainingError(f"{path} cannot be read ({error.strerror}), but the captions name it") from error


def token_features(
    tower: TokenTower, texts: Sequence[str], cache: FeatureCache | None = None, progress: Progress = silent
) -> TokenFeatures:
    """Run MiniLM over sentences, those of like length together."""
    vectors: list[NDArray[np.float16]] = [np.zeros((0, TOKEN_DIM), np.float16)] * len(texts)
    order = sorted(range(len(texts)), key=lambda row: len(texts[row]))
    for start in range(0, len(order), PART):
        rows = order[start : start + PART]
        chosen = [texts[row] for row in rows]
        origin = [MINILM_SHA256.encode(), str(AT_ONCE).encode(), *(text.encode() for text in chosen)]
        read = cache.arrays(origin, lambda c=chosen: tokens_of(tower, c)) if cache else tokens_of(tower, chosen)  # type: ignore[misc]
        for row, vector in zip(rows, np.split(read[0], np.cumsum(read[1])[:-1]), strict=True):
            vectors[row] = vector
        progress(start + len(rows), len(texts))
    starts = np.concatenate([[0], np.cumsum([len(vector) for vector in vectors])])
    return TokenFeatures(np.concatenate(vectors), starts)


def tokens_of(tower: TokenTower, texts: Sequence[str]) -> Arrays:
    """The vectors of all tokens below each other, and the number of tokens of each sentence."""
    vectors, lengths = [], []
    for start in range(0, len(texts), AT_ONCE):
        tokens, mask = tower.encode(texts[start : start + AT_ONCE])
        count = mask.sum(1).astype(np.int64)
        vectors += [row[:length].astype(np.float16) for row, length in zip(tokens, count, strict=True)]
        lengths.append(count)
    return np.concatenate(vectors), np.concatenate(lengths)
