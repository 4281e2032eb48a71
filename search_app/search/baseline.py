"""What drift is measured from: what everyday sentences score at best in a collection, and how often nothing matches.

Both say what to expect where nobody's queries are known: a median of real queries below that of `NEUTRAL_QUERIES` means
that people find less than a sentence taken from anywhere would.
"""

import logging
import threading
import time
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from search_app.datatypes import FloatMatrix, FloatVector, Manifest, VectorQuery
from search_app.encoders.threads import LeavableThreads
from search_app.errors import SearchAppError
from search_app.search.neutral import NEUTRAL_QUERIES
from search_app.search.service import SearchService

logger = logging.getLogger(__name__)

NO_MATCH: Mapping[str, float] = {"yes": 0.1, "no": 0.68}
"""Share of `no_match`, by whether a collection has an answer: 182 queries to 377 ads with `lite`, print and pictures
fused, as in docs/search.md. With other models it was not measured."""
_AGAIN_S = 600.0
"""A collection that pictures are added to all day is measured this often."""


@dataclass(frozen=True, slots=True, eq=False)
class Baseline:
    """Best scores of the neutral queries in one generation."""

    scores: FloatVector
    """Ascending, one a query."""

    def quantiles(self, shares: Sequence[float]) -> list[float]:
        """The scores below which these shares lie."""
        return [float(score) for score in np.quantile(self.scores, shares)]


@dataclass(slots=True)
class _Known:
    """What is known of one service."""

    vectors: FloatMatrix | None = None
    baseline: Baseline | None = None
    generation: int = -1
    measured_at: float = 0.0
    is_measuring: bool = False


class Baselines:
    """Measures baselines beside everything else, once for a state of an index; safe to use from several threads."""

    def __init__(self) -> None:
        self._threads = LeavableThreads("baseline")
        self._lock = threading.Lock()
        self._known: weakref.WeakKeyDictionary[SearchService, _Known] = weakref.WeakKeyDictionary()

    def of(self, service: SearchService, manifest: Manifest) -> Baseline | None:
        """What was measured last; begins to measure where that is out of date. None while nothing was, or is empty."""
        with self._lock:
            known = self._known.setdefault(service, _Known())
            now = time.monotonic()
            is_due = known.generation != manifest.generation and (
                known.baseline is None or now - known.measured_at >= _AGAIN_S
            )
            if is_due and not known.is_measuring and manifest.count:
                known.is_measuring, known.measured_at = True, now
                self._threads.start(lambda: self._measure(service, manifest, known))
            return known.baseline

    def close(self) -> None:
        """Begin no more."""
        self._threads.close()

    def _measure(self, service: SearchService, manifest: Manifest, known: _Known) -> None:
        try:
            if known.vectors is None:
                known.vectors = service.queries.texts(NEUTRAL_QUERIES)
            found = service.reader.search([VectorQuery(vector, 1) for vector in known.vectors])
        except SearchAppError as error:
            logger.debug("no baseline now: %s", error)
        else:
            scores = np.sort(np.concatenate([each.scores for each in found]))
            known.baseline, known.generation = Baseline(scores) if len(scores) else None, manifest.generation
        finally:
            known.is_measuring = False
