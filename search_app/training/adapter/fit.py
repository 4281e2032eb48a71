"""Fits the head of an adapted model in closed form: ridge regression over pictures, kernel ridge over texts.

For each labelled query the direction that tells its pictures from the others is fitted by ridge regression on the
stored vectors (a linear discriminant with a shrunken covariance). Kernel ridge regression carries these directions to
texts near the query; phrases that nobody labelled are known texts too, with nothing to add, so that the head stays out
of the way there. Pictures that nobody judged are unknown: they are no examples of what is irrelevant. Takes arrays
only: labels come from elsewhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from search_app.datatypes import FloatMatrix
from search_app.encoders.adapter_head import AdapterHead, text_kernel
from search_app.errors import TrainingError

NEUTRAL_FILE = Path(__file__).parent / "neutral_phrases.txt"
Matrix = NDArray[np.float64]
Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class AdapterOptions:
    """How a head is fitted; the defaults were chosen on the advertisements and are not tuned again by validation."""

    text_ridge: float = 0.1
    """Added to the diagonal of the texts' kernel, which is 1."""
    image_ridge: float = 0.5
    """Added to the pictures' covariance, in units of the variance of one picture."""
    reach: float = 8.0
    """The kernel of two neutral phrases of median likeness is exp(-reach), whatever the base's cosines look like."""


@dataclass(frozen=True, slots=True, eq=False)
class AdapterData:
    """What a head learns from, as vectors of the base."""

    texts: FloatMatrix
    """(queries, dim)."""
    images: FloatMatrix
    """(pictures, dim)."""
    relevance: NDArray[np.float32]
    """(queries, pictures), 0 to 1; 0 where nobody judged."""
    judged: NDArray[np.bool_]
    """(queries, pictures): somebody did."""
    groups: tuple[str, ...]
    """One name for each query: those of one group mean the same thing, such as a category and its variations."""
    neutral: FloatMatrix
    """(phrases, dim): their order is to stay."""

    def with_images(self, rows: Rows) -> Self:
        """The same with these pictures only."""
        relevance, judged = self.relevance[:, rows], self.judged[:, rows]
        return replace(self, images=self.images[rows], relevance=relevance, judged=judged)

    def with_queries(self, rows: Rows) -> Self:
        """The same with these queries only."""
        groups = tuple(self.groups[row] for row in rows.tolist())
        relevance, judged = self.relevance[rows], self.judged[rows]
        return replace(self, texts=self.texts[rows], relevance=relevance, judged=judged, groups=groups)

    def with_neutral(self, rows: Rows) -> Self:
        """The same with these neutral phrases only."""
        return replace(self, neutral=self.neutral[rows])

    def examples(self) -> Self:
        """The same without queries of which nothing is relevant here, and without pictures that nobody judged.

        Where that leaves nothing irrelevant, such as one query with its relevant pictures, all pictures stay.
        """
        told = self.with_queries(np.flatnonzero(self.relevance.any(axis=1)))
        known = np.flatnonzero(told.judged.any(axis=0))
        return told if told.relevance[:, known].all() else told.with_images(known)


def fit_head(data: AdapterData, options: AdapterOptions) -> AdapterHead:
    """Fit a head of strength 1: over the labelled queries it spreads scores as widely as the base does.

    Raises `TrainingError` where nothing is relevant, or all is.
    """
    data = data.examples()
    known = np.concatenate([data.texts, data.neutral]).astype(np.float32)
    sharpness = kernel_sharpness(data.neutral, options.reach)
    centred = data.images.astype(np.float64)
    centred -= centred.mean(axis=0) if len(centred) else 0
    wanted = np.zeros(known.shape, np.float64)
    wanted[: len(data.texts)] = _targets(data.relevance) @ _whitened(centred, options.image_ridge)
    kernel = text_kernel(known, known, sharpness).astype(np.float64)
    residual = np.linalg.solve(_plus(kernel.copy(), options.text_ridge), wanted)
    spread = _spread(kernel[: len(data.texts)] @ residual @ centred.T)
    if not spread > 1e-12:
        raise TrainingError("the labels tell no picture from another: there must be relevant pictures and others")
    residual *= _spread(data.texts @ centred.T) / spread
    return AdapterHead(known, residual.astype(np.float32), sharpness)


def kernel_sharpness(neutral: FloatMatrix, reach: float) -> float:
    """Sharpness at which two neutral phrases of median likeness have the kernel exp(-reach)."""
    if len(neutral) < 2:
        raise TrainingError("a head needs two neutral phrases or more")
    cosines = neutral @ neutral.T
    distance = 1 - float(np.median(cosines[np.triu_indices(len(neutral), 1)]))
    return reach / max(distance, 1e-3)


def read_neutral(path: Path = NEUTRAL_FILE) -> tuple[str, ...]:
    """Phrases of everyday searches, one a line; raises `TrainingError` where the file cannot be read or has few."""
    try:
        lines: Sequence[str] = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise TrainingError(f"{path}: cannot be read: {error}") from error
    phrases = tuple(dict.fromkeys(line.strip() for line in lines if line.strip()))
    if len(phrases) < 50:
        raise TrainingError(f"{path}: holds {len(phrases)} phrases; 50 different ones are needed at least")
    return phrases


def _targets(relevance: NDArray[np.float32]) -> Matrix:
    """What each picture should score for each query: relevant ones up, the others down, 0 on the whole."""
    total = relevance.sum(axis=1, dtype=np.float64, keepdims=True)
    targets: Matrix = (relevance - total / max(relevance.shape[1], 1)) / np.sqrt(total)
    return targets


def _whitened(centred: Matrix, ridge: float) -> Matrix:
    """The pictures times the inverse of their shrunken scatter matrix, (pictures, dim)."""
    added = max(ridge * float(np.square(centred).sum()) / max(len(centred), 1), 1e-12)
    # X (X'X + a)^-1 and (XX' + a)^-1 X are the same; the smaller of the two is inverted.
    if len(centred) < centred.shape[1]:
        return np.asarray(np.linalg.solve(_plus(centred @ centred.T, added), centred), np.float64)
    whitened: Matrix = centred @ np.linalg.inv(_plus(centred.T @ centred, added))
    return whitened


def _plus(square: Matrix, ridge: float) -> Matrix:
    """Add to the diagonal, in place."""
    square[np.diag_indices_from(square)] += ridge
    return square


def _spread(scores: NDArray[np.floating]) -> float:
    return float(scores.std(axis=1).mean()) if scores.size else 0.0
