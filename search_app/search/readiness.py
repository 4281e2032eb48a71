"""Readiness: real queries through model and index, now, and the vectors they meet looked at.

Asked by supervisors each second, so an answer stands for a moment: for one second, and only while the same generation
of the index answers. A refusal never stands. One probe runs at a time; where it does not come back in its time, that
is the answer.
"""

import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Protocol

import numpy as np

from search_app.datatypes import FloatMatrix, FloatVector, Known, Manifest, Neighbours, VectorQuery
from search_app.encoders.soundness import are_one, are_unit
from search_app.encoders.threads import LeavableThreads, Overdue, outcome
from search_app.errors import EncoderError, IndexUnavailable
from search_app.index.base import IndexReader

REBUILD = "embed the folder again with `python -m search_app index FOLDER --rebuild`"
NEAREST = 3
"""Pictures that each probe looks at."""
SAMPLE = 16
"""Pictures drawn at random, others at each probe: in time all of a collection are looked at."""
FEW = 3
"""Fewer pictures may have the same vector by chance: black ones, say."""
SCORE_TOLERANCE = 0.02
"""Between a score and the cosine of the stored vector: the engine may search in shortened vectors."""
DRIFT = 0.02
"""Between a model's answer and its first one, in any coordinate; bf16 stays below."""
_KEPT_S = 1.0
_PATIENCE_S = 5.0


class Fetching(Protocol):
    """The part of `IndexReader` that tells what is known about pictures."""

    def fetch(self, ids: Sequence[int]) -> dict[int, Known]:
        """See `IndexReader.fetch`."""
        ...


class Readiness:
    """Runs a probe for all who ask; safe to use from several threads."""

    def __init__(self, probe: Callable[[], Manifest], at_hand: Callable[[], Manifest | None]) -> None:
        """`probe` raises why nothing can be answered; `at_hand` is `IndexReader.manifest_at_hand`."""
        self._probe, self._at_hand = probe, at_hand
        self._threads = LeavableThreads("readiness")
        self._lock = threading.Lock()
        self._running: Future[Manifest] | None = None
        self._since = 0.0
        self._known: Manifest | None = None
        self._known_at = 0.0

    def check(self) -> Manifest:
        """The manifest that answered; raises what the probe raised, and `IndexUnavailable` where it hangs."""
        with self._lock:
            now = time.monotonic()
            if self._known is not None and now - self._known_at < _KEPT_S and self._at_hand() is self._known:
                return self._known
            if self._running is None or self._running.done():
                self._running, self._since, self._known = self._threads.start(self._probe), now, None
            running, since = self._running, self._since
        try:
            manifest = outcome(running, max(0.0, since + _PATIENCE_S - now))
        except Overdue:
            raise IndexUnavailable(
                f"a query asked {time.monotonic() - since:.0f} s ago was not answered: model or index hang"
            ) from None
        with self._lock:
            self._known, self._known_at = manifest, since
        return manifest

    def close(self) -> None:
        """Give the threads back."""
        self._threads.close()


class Probe:
    """What one probe looks at, beside the model's vectors for `soundness.PROBES`, and how it was at first."""

    def __init__(self, reader: IndexReader, model: str) -> None:
        self._reader, self._model = reader, model
        self._first: FloatMatrix | None = None
        self._random = random.Random()  # noqa: S311 - a sample, no secret

    def require_steady(self, vectors: FloatMatrix) -> None:
        """Raise `EncoderError` where the model answers otherwise than at first: its memory or its device is damaged."""
        if self._first is None:
            self._first = vectors
        drift = float(np.abs(vectors - self._first).max())
        if drift > DRIFT:
            raise EncoderError(
                f"model {self._model} gives other vectors than at the start (by {drift:.2g}): restart the service, "
                "and check the machine's memory or its graphics card"
            )

    def look(self, vectors: FloatMatrix, manifest: Manifest) -> str:
        """Ask for the nearest pictures of each vector, look at those and at a sample: what is wrong, or nothing."""
        found = self._reader.search([VectorQuery(vector, NEAREST) for vector in vectors])
        if not manifest.count:
            return ""
        if not all(len(neighbours.ids) for neighbours in found):
            return f"collection {manifest.collection!r} holds {manifest.count} pictures but finds none"
        highest = manifest.next_id - 1
        drawn = self._random.sample(range(1, highest + 1), min(SAMPLE, highest))
        nearest = [int(number) for neighbours in found for number in neighbours.ids]
        stored = self._reader.vectors(sorted({*nearest, *drawn}))
        return (
            damaged_vector(stored, manifest)
            or _wrong_score(vectors, found, stored)
            or one_vector_for_all(self._reader, stored)
        )


def damaged_vector(stored: Mapping[int, FloatVector], manifest: Manifest) -> str:
    """Which of the stored vectors is not finite or not of unit length; nothing where all are."""
    for number, vector in stored.items():
        if vector.shape != (manifest.dim,) or not are_unit(vector[None]):
            return f"the stored vector of picture {number} is damaged: {REBUILD}"
    return ""


def one_vector_for_all(reader: "Fetching", stored: Mapping[int, FloatVector]) -> str:
    """How many pictures that show different things all have one vector; nothing where they have not."""
    if len(stored) < FEW or not are_one(np.stack([*stored.values()])):
        return ""
    pictures = [known.picture for known in reader.fetch([*stored]).values() if not known.picture.copy_of]
    different = len({picture.phash or picture.content_hash for picture in pictures})
    if different < FEW:
        return ""
    return f"{different} different pictures all have the same vector, so the model that made them was broken: {REBUILD}"


def _wrong_score(vectors: FloatMatrix, found: Sequence[Neighbours], stored: Mapping[int, FloatVector]) -> str:
    for vector, neighbours in zip(vectors, found, strict=True):
        for number, score in zip(neighbours.ids, neighbours.scores, strict=True):
            own = stored.get(int(number))
            # A comparison with NaN is false: a score that is none is told too.
            if own is not None and not abs(float(vector @ own) - score) <= SCORE_TOLERANCE:
                return f"picture {number} is found with a score, {score:.4f}, that is not its vector's: {REBUILD}"
    return ""
