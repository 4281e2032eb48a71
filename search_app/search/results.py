"""What the search service answers with."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from search_app.datatypes import Channel, EncoderSpec, FacetValue, Manifest
from search_app.search.negation import Understood
from search_app.search.seen import Lap
from search_app.words.matching import MatchedWord


@dataclass(frozen=True, slots=True)
class Hit:
    """One picture that was found."""

    id: int
    score: float
    """Cosine similarity to the query, as the model gives it."""
    path: str
    """Relative to the indexed folder, POSIX separators."""
    width: int
    height: int
    relevance: float
    """0 to 1; at 0.5 relevance ends."""
    evidence: Mapping[Channel, float]
    """What each channel says for this picture; the largest one brought it."""
    words: tuple[MatchedWord, ...] = ()
    """Printed words that are in the query too."""
    copies: tuple[int, ...] = ()
    """Ids of copies of this picture that are folded into it."""


@dataclass(frozen=True, slots=True)
class Timings:
    """Milliseconds by stage."""

    encode: float
    search: float
    fetch: float
    total: float


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Hits, best first, and what they came from."""

    hits: tuple[Hit, ...]
    model: str
    collection: str
    generation: int
    """Generation of the index all hits are from; the same question to the same generation has the same answer."""
    took_ms: Timings
    understood: Understood
    no_match: bool
    """Nothing reaches the line at which relevance ends."""
    relevant: int
    """How many pictures reach it, of those looked at closely."""
    facets: Mapping[str, tuple[tuple[FacetValue, int], ...]] | None = None
    """Counts of the relevant pictures by the values of each field that was asked for."""


@dataclass(frozen=True, slots=True)
class ServiceInfo:
    """What is running."""

    encoder: EncoderSpec
    backend: str
    index: Manifest | None
    """None while there is no index."""
    fields: tuple[str, ...] = ()
    """What pictures can be counted and filtered by."""


def shortest(score: float | np.floating) -> float:
    """A score with the shortest decimals that are this single-precision number."""
    return float(str(np.float32(score)))


class Stopwatch:
    """Notes the time of named stages; a stage that is repeated counts each time."""

    def __init__(self) -> None:
        self._start = self._last = time.perf_counter()
        self.laps: list[Lap] = []

    def lap(self, stage: str) -> None:
        """Give the time since the last lap to `stage`."""
        now = time.perf_counter()
        self.laps.append(Lap(stage, self._last, now))
        self._last = now

    def timings(self) -> Timings:
        """The stages so far, rounded to microseconds; making an order of what was found counts as `search`."""
        total = time.perf_counter() - self._start
        took = dict.fromkeys(("encode", "search", "fuse", "arrange", "fetch"), 0.0)
        for stage, began, ended in self.laps:
            took[stage] += ended - began
        search = took["search"] + took["fuse"] + took["arrange"]
        return Timings(*(round(1000 * seconds, 3) for seconds in (took["encode"], search, took["fetch"], total)))
