"""From what the channels say to `relevance`: 0 to 1, comparable between queries; 0.5 is where it ends.

Two questions, two logistic functions. Has the collection an answer at all? That is asked of the query: how much of
its words nobody prints, how near the nearest print comes in meaning, how near the nearest picture. And how does a hit
compare with the best one? That is asked of the evidence for both:

    relevance = answerable * likely(evidence) / likely(evidence of the best hit)

So the best hit, if it stands out at all, has the probability that there is an answer; the order is never changed.
Fitted on labels by `python -m benchmarks.calibration`; docs/search.md has the reliability diagram, and says what the
line costs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from search_app.search.fusion import Scores

Kind: TypeAlias = Literal["fused", "only", "off", "picture"]
"""What was asked for and where: words in pictures and print, in print only, in pictures only; or a picture."""
LINE = 0.5
"""Below it nothing is relevant."""
STANDS_OUT = 2.0
"""Evidence that the best hit is measured by where it has less itself: the best of noise is no answer."""


@dataclass(frozen=True, slots=True)
class Signs:
    """What a query met in a collection."""

    unknown: float
    """The share of its words, by IDF, that is printed on no picture, neither in singular nor in plural."""
    meaning: float
    """Cosine of the nearest print by meaning."""
    image: float
    """Cosine of the nearest picture."""
    printed: float = 1.0
    """The share of the collection's pictures that print anything."""


@dataclass(frozen=True, slots=True)
class Answerable:
    """How likely a collection has an answer, by the log odds that signs give."""

    offset: float
    unknown: float = 0.0
    meaning: float = 0.0
    image: float = 0.0

    unprinted: float = 0.0
    """The probability for pictures that print nothing, by their share: their silence is no sign of absence."""

    def probability(self, signs: Signs) -> float:
        """Of one query."""
        odds = self.offset + self.unknown * signs.unknown + self.meaning * signs.meaning + self.image * signs.image
        sure = float(_logistic(np.array([odds]))[0])
        return sure if not self.unprinted else signs.printed * sure + (1 - signs.printed) * self.unprinted


@dataclass(frozen=True, slots=True)
class Calibration:
    """Both functions of one kind of query."""

    slope: float
    offset: float
    answerable: Answerable | None = None
    """None: a hit is measured by its own evidence alone."""

    def likely(self, evidence: Scores) -> Scores:
        """How likely a hit of a query that has an answer is relevant."""
        return _logistic(self.slope * evidence + self.offset)

    def relevance(self, evidence: Scores, best: float, signs: Signs) -> Scores:
        """Of hits, where `best` is the evidence of the best one."""
        likely = self.likely(evidence)
        if self.answerable is None:
            return likely
        share: Scores = likely / float(self.likely(np.array([max(best, STANDS_OUT)]))[0])
        return self.answerable.probability(signs) * np.minimum(share, 1.0)


def _logistic(odds: Scores) -> Scores:
    result: Scores = 1 / (1 + np.exp(-np.clip(odds, -60, 60)))
    return result


CALIBRATIONS: Mapping[Kind, Calibration] = {
    "fused": Calibration(0.48, -2.86, Answerable(-0.57, unknown=-3.03, meaning=6.29, image=2.32, unprinted=0.79)),
    "only": Calibration(0.55, -2.69, Answerable(-0.11, unknown=-2.92, meaning=7.32)),
    "off": Calibration(0.46, -1.79, Answerable(1.3)),
    "picture": Calibration(0.84, -1.88),
}
"""Fitted with `lite` on the 377 ads. Evidence is in deviations, so it stands for other models too, unmeasured."""
OTHER_MODEL = Calibration(0.48, -2.86, Answerable(-0.11, unknown=-2.92, meaning=7.32, unprinted=0.79))
"""Of `fused` with another model than `lite`, whose cosines are no sign there."""


def calibration(kind: Kind, model: str) -> Calibration:
    """The one for a kind of query and a model (`EncoderSpec.name`)."""
    if kind == "fused" and model != "lite" and not model.startswith("lite+"):
        return OTHER_MODEL
    return CALIBRATIONS[kind]
