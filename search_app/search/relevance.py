"""From what the channels say to `relevance`: 0 to 1, comparable between queries; 0.5 is where it ends.

A logistic function of the evidence for a picture and of how much of the query's printed words is unknown to the whole
collection (a brand that nobody prints). It never changes the order. Fitted on labels by `python -m benchmarks.fusion`;
docs/search.md has the reliability diagram and says what 0.5 costs and saves.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from search_app.search.fusion import Scores

Kind: TypeAlias = Literal["fused", "only", "off", "picture"]
"""What was asked for and where: words in pictures and print, in print only, in pictures only; or a picture."""
LINE = 0.5
"""Below it nothing is relevant."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """A logistic function."""

    slope: float
    unknown: float
    offset: float

    def odds(self, evidence: Scores, unknown: float) -> Scores:
        """Log odds, shape as `evidence`; `unknown` is the share of the query's print, by IDF, that nobody prints."""
        odds: Scores = self.slope * evidence + self.unknown * unknown + self.offset
        return odds


CALIBRATIONS: Mapping[Kind, Calibration] = {
    "fused": Calibration(0.5, -1.5, -1.5),
    "only": Calibration(0.5, -1.5, -1.5),
    "off": Calibration(0.5, 0.0, -1.5),
    "picture": Calibration(0.5, 0.0, -1.5),
}
"""Fitted with `lite` on the 377 ads. Evidence is in deviations, so they stand for other models too, unmeasured."""
