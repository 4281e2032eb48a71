"""Several channels, one order: how much each channel says for a picture, and their sum.

A cosine says nothing by itself; it is compared with those of pictures taken at random from the collection (z, in
standard deviations). The best of N irrelevant pictures stands out by chance too, about sqrt(2 ln N) deviations in a
normal sample (Gumbel's extreme value), so what a channel says begins near there and grows with what is above it:

    says = softplus(slope * (z - bound)),  bound = sqrt(2 ln N) - margin

This is a naive Bayes sum in which each channel is silent for most pictures that it does not know: the logarithm of
1 - p + p * exp(slope * z - c). A plain sum of z makes a picture pay for what a channel does not see; a fused list is
then worse than its best channel on nearly every kind of query. The printed words by form count by their BM25 score,
which is a log odds already (Robertson and Zaragoza 2009). `python -m benchmarks.fusion` shows the alternatives and
how the figures here were chosen.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Voice:
    """How a dense channel speaks."""

    slope: float
    margin: float


@dataclass(frozen=True, slots=True)
class Weights:
    """What each channel says for a picture."""

    image: Voice = Voice(2.5, 1.95)
    meaning: Voice = Voice(2.0, 2.45)
    form: float = 0.4
    """Of a BM25 score."""


WEIGHTS = Weights()


def chance(count: int) -> float:
    """How many standard deviations the best of `count` irrelevant pictures stands out, about."""
    return math.sqrt(2 * math.log(max(count, 2)))


def dense_evidence(standing: Scores, voice: Voice, count: int) -> Scores:
    """What a dense channel says, from z among `count` pictures; NaN, a picture that the channel lacks, says nothing."""
    above = voice.slope * (np.nan_to_num(standing) - (chance(count) - voice.margin))
    return np.where(np.isnan(standing), 0.0, np.logaddexp(0, above))


def form_evidence(scores: Scores, weights: Weights = WEIGHTS) -> Scores:
    """What the printed words by their form say, from BM25 scores."""
    return weights.form * scores
