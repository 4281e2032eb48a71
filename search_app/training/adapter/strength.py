"""How much of a head to use: chosen by cross-validation, held back by phrases that nobody labelled."""

from collections.abc import Sequence

import numpy as np

from search_app.datatypes import FloatMatrix
from search_app.encoders.adapter_head import AdapterHead
from search_app.errors import TrainingError
from search_app.training.adapter.fit import AdapterData, AdapterOptions, Matrix, fit_head
from search_app.training.adapter.folds import each_fold, held_out_precision, kept_answers, mean_where_known, split

STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0)
"""1 spreads the scores of labelled queries as the base does; beyond 2 the base has little to say any more."""
FOLDS = 3
LEAST_KEPT = 0.9
"""Share of the first ten answers to unseen neutral phrases that must stay the base's."""


def choose_strength(data: AdapterData, options: AdapterOptions, seed: int) -> float:
    """The least strength that is as good as the best on pictures left out, the order of neutral phrases kept.

    As good as the best means within one standard error of it (Breiman, Friedman, Olshen and Stone 1984, 3.4.3), by
    mean average precision. Neutral phrases are left out too. 0 where labels do not help: the base is left alone then.
    """
    if not data.relevance.any():
        return 0.0
    found: list[list[Matrix]] = [[] for _ in STRENGTHS]
    kept = np.ones((len(STRENGTHS), len(data.neutral)))
    phrases = split(len(data.neutral), FOLDS, seed + 1)
    for fold, (seen, _) in enumerate(each_fold(split(len(data.images), FOLDS, seed))):
        asked = data.neutral[phrases == fold]
        head = fit_at(data.with_images(seen).with_neutral(np.flatnonzero(phrases != fold)), options)
        base = score(None, asked, data.images)
        for place, strength in enumerate(STRENGTHS):
            some = head and head.at(strength)
            found[place].append(held_out_precision(score(some, data.texts, data.images), data.relevance, seen))
            kept[place][phrases == fold] = kept_answers(score(some, asked, data.images), base)
    precision = [mean_where_known(each) for each in found]
    allowed = [place for place in range(len(STRENGTHS)) if kept[place].mean() >= LEAST_KEPT or not place]
    best = precision[max(allowed, key=lambda place: float(precision[place].mean()))]
    return next(STRENGTHS[place] for place in allowed if _as_good(precision[place], best, data.groups))


def _as_good(precision: Matrix, best: Matrix, groups: Sequence[str]) -> bool:
    """Whether the mean is within one standard error of the best; queries of one group are no independent evidence."""
    behind = best - precision
    _, members = np.unique(np.asarray(groups), return_inverse=True)
    error = np.sqrt(np.square(np.bincount(members, behind - behind.mean())).sum()) / len(behind)
    return bool(behind.mean() <= error + 1e-12)


def fit_at(data: AdapterData, options: AdapterOptions, strength: float = 1.0) -> AdapterHead | None:
    """A head, or None where this part of the data has nothing to learn: then the base answers."""
    try:
        return fit_head(data, options).at(strength)
    except TrainingError:
        return None


def score(head: AdapterHead | None, texts: FloatMatrix, images: FloatMatrix) -> FloatMatrix:
    """Cosine similarities (texts, images); without a head those of the base."""
    scores: FloatMatrix = (head.adapt_texts(texts) if head else texts) @ images.T
    return scores
