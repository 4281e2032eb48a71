"""How well a model finds held-out pictures by their sentences."""

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from search_app.datatypes import FloatMatrix
from search_app.encoders.open_clip_package import torch
from search_app.training.finetune.batches import one_ahead, same_words
from search_app.training.finetune.model import TrainedModel
from search_app.training.finetune.pixels import Pictures
from search_app.training.lite.data import Photograph
from search_app.training.lite.measure import CUTOFFS, RESAMPLES
from search_app.training.log import Watch

TEXTS_AT_ONCE = 256
COMPARED_AT_ONCE = 1024


class HeldOutPictures:
    """The pictures and sentences of `dev`."""

    def __init__(self, pictures: Pictures, photographs: Sequence[Photograph], at_once: int, watch: Watch) -> None:
        """`at_once` pictures are encoded together."""
        self._pictures, self._at_once, self._watch = pictures, at_once, watch
        self._files = [photograph.file for photograph in photographs]
        self._texts = [caption for photograph in photographs for caption in photograph.captions]
        self.owners = np.repeat(np.arange(len(photographs)), [len(photograph.captions) for photograph in photographs])

    def ranks(self, model: TrainedModel) -> NDArray[np.int64]:
        """For each sentence how many pictures come before its own (see `ranks_among_others`)."""
        model.module.eval()
        with torch.no_grad():
            images, texts = self._image_vectors(model), self._text_vectors(model)
        return ranks_among_others(images, texts, self._texts, self.owners)

    def recall(self, model: TrainedModel) -> dict[str, float]:
        """`R@k`: the share of sentences with their own picture among the first k."""
        ranks = self.ranks(model)
        return {f"R@{cutoff}": float((ranks < cutoff).mean()) for cutoff in CUTOFFS}

    def _image_vectors(self, model: TrainedModel) -> FloatMatrix:
        parts = [self._files[start : start + self._at_once] for start in range(0, len(self._files), self._at_once)]
        found = []
        for pixels in one_ahead(partial(self._pictures.prepared, part) for part in parts):
            found += model.encode(pixels, None)
            self._watch.progress("pictures of dev", min(len(found) * self._at_once, len(self._files)), len(self._files))
        return torch.cat(found).cpu().numpy()

    def _text_vectors(self, model: TrainedModel) -> FloatMatrix:
        starts = range(0, len(self._texts), TEXTS_AT_ONCE)
        parts = [model.tokenize(self._texts[start : start + TEXTS_AT_ONCE]) for start in starts]
        return torch.cat([vectors for part in parts for vectors in model.encode(None, part)]).cpu().numpy()


def ranks_among_others(
    images: FloatMatrix, texts: FloatMatrix, sentences: Sequence[str], owners: NDArray[np.int64]
) -> NDArray[np.int64]:
    """For each sentence, how many pictures it does not belong to score as high as its own or higher.

    `owners` are rows of `images`. Other pictures with the same sentence are no wrong answers and are passed over; a tie
    counts against the own picture, so that a model that gives everything one vector finds nothing.
    """
    words = [same_words(sentence) for sentence in sentences]
    fitting: dict[str, set[int]] = {}
    for sentence, owner in zip(words, owners.tolist(), strict=True):
        fitting.setdefault(sentence, set()).add(owner)
    ranks = []
    for start in range(0, len(texts), COMPARED_AT_ONCE):
        scores = texts[start : start + COMPARED_AT_ONCE] @ images.T
        rows = np.arange(len(scores))
        own = scores[rows, owners[start : start + len(scores)]]
        for row in rows.tolist():
            scores[row, list(fitting[words[start + row]])] = -np.inf
        ranks.append((scores >= own[:, None]).sum(1))
    return np.concatenate(ranks)


def compare(
    before: NDArray[np.int64], after: NDArray[np.int64], owners: NDArray[np.int64]
) -> dict[str, dict[str, float]]:
    """`R@k` from the ranks of the same sentences under two models, each with a 95 % bootstrap interval.

    Drawn are pictures, whose sentences are not independent, and the same ones for both: the interval of the gain is of
    the difference, and narrower than the two figures' own.
    """
    count = int(owners.max()) + 1
    drawn = np.random.default_rng(0).integers(0, count, (RESAMPLES, count))
    sentences = np.bincount(owners, minlength=count)[drawn].sum(1)
    figures = {}
    for cutoff in CUTOFFS:
        found = [np.bincount(owners, weights=ranks < cutoff, minlength=count) for ranks in (before, after)]
        first, second = (each[drawn].sum(1) / sentences for each in found)
        low, high = np.quantile(second, [0.025, 0.975])
        gain_low, gain_high = np.quantile(second - first, [0.025, 0.975])
        original, value = (float(each.sum()) / len(owners) for each in found)
        figures[f"R@{cutoff}"] = {
            "value": value,
            "low": float(low),
            "high": float(high),
            "original": original,
            "gain": value - original,
            "gain_low": float(gain_low),
            "gain_high": float(gain_high),
        }
    return figures
