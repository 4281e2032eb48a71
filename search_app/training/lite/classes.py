"""ImageNet's class names: the basis of the class part, and pairs that keep the heads from forgetting objects."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import normalize

from search_app.encoders.lite_text import TokenTower
from search_app.training.feature_cache import FeatureCache
from search_app.training.lite.data import ImageFeatures, TokenFeatures
from search_app.training.lite.features import token_features
from search_app.training.lite.heads import mean_of_tokens

CLASSES_FILE = Path(__file__).parent / "imagenet_classes.json"
AT_ONCE = 256
STRENGTH = (2.0, 4.0)
"""Multiples of a class's centred weights that are added: the class's posterior comes to lie between .3 and .97."""
KEPT = (0.3, 0.8)
"""Share of a photograph's activations that stays."""
REPLAYED_WAYS = 4
"""Ways of writing a class that are replayed: later lemmas are Latin or rare."""


@dataclass(frozen=True, slots=True)
class ClassTexts:
    """The ways of writing each of the 1000 classes, in the order of the classifier's outputs."""

    tokens: TokenFeatures
    rows: tuple[tuple[int, ...], ...]
    """For each class, its rows in `tokens`: the name, "a photo of a NAME", WordNet's other lemmas."""

    def draw(self, random: np.random.Generator, classes: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """Tokens and mask of one text for each of `classes`."""
        return self.tokens.batch([int(random.choice(self.rows[index][:REPLAYED_WAYS])) for index in classes])

    def vectors(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """One sentence vector for each class, (1000, 384), centred and of unit length, and what was taken away, (384,).

        Without centring all names are alike to a third: MiniLM's vectors of short phrases share a direction.
        """
        count = len(self.tokens)
        starts = range(0, count, AT_ONCE)
        parts = [mean_of_tokens(*self.tokens.batch(range(start, min(start + AT_ONCE, count)))) for start in starts]
        every = torch.cat(parts)
        rows = []
        for name, photo, *lemmas in self.rows:
            rows.append(every[name] + every[photo] + normalize(every[[name, *lemmas]].sum(0), dim=0))
        vectors = normalize(torch.stack(rows), dim=1)
        mean = vectors.mean(0)
        return normalize(vectors - mean, dim=1).numpy(), mean.numpy()


def read_class_texts(tower: TokenTower, cache: FeatureCache) -> ClassTexts:
    """Embed the classes that lie beside this module, once: each seed and each run that goes on needs them."""
    texts: list[str] = []
    rows = []
    for entry in json.loads(CLASSES_FILE.read_text(encoding="utf-8")):
        ways = dict.fromkeys([entry["name"], f"a photo of a {entry['name']}", *entry["lemmas"]])
        rows.append(tuple(range(len(texts), len(texts) + len(ways))))
        texts += ways
    return ClassTexts(token_features(tower, texts, cache), tuple(rows))


class ClassReplay:
    """Makes pairs of a picture's features and a class name, for classes of which there are no pictures.

    A photograph's activations are weakened and the classifier's weights of another class are added until that
    class is what the classifier sees: the heads learn to read all 1000 classes from activations, though the
    photographs show few of them.
    """

    def __init__(self, photographs: ImageFeatures, texts: ClassTexts, weight: Tensor, bias: Tensor) -> None:
        """`photographs` are the training pictures, `weight` (1000, 1280) and `bias` (1000,) the classifier's."""
        self._photographs, self._texts = photographs, texts
        self._weight, self._bias = weight, bias
        self._direction = weight - weight.mean(0)
        mean, peak = photographs.mean - photographs.mean.mean(0), photographs.peak - photographs.peak.mean(0)
        # How far a unit's largest value moves with its average over the picture: a regression over all units.
        self._rise = float((mean * peak).mean() / (mean * mean).mean())

    def draw(self, random: np.random.Generator, count: int) -> tuple[ImageFeatures, Tensor, Tensor]:
        """One made-up picture of each of `count` different classes, and tokens and mask of one text for each."""
        drawn = random.choice(len(self._weight), count, replace=False)
        source = self._photographs.rows(random.integers(0, len(self._photographs.mean), count))
        strength = torch.from_numpy(random.uniform(*STRENGTH, (count, 1)).astype(np.float32))
        kept = torch.from_numpy(random.uniform(*KEPT, (count, 1)).astype(np.float32))
        background = source.mean * kept
        mean = torch.relu(background + strength * self._direction[drawn])
        peak = (source.peak * kept + (mean - background) * self._rise).clamp(0, 6)
        made_up = ImageFeatures(mean, peak, source.early, mean @ self._weight.T + self._bias)
        return made_up, *self._texts.draw(random, drawn)
