"""Which pairs are looked at together: in a batch each pair is a counterexample to the others, so no two may agree."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from search_app.training.lite.data import Photograph

T = TypeVar("T")


@dataclass(slots=True)
class Batch:
    """Pairs that are told apart in one step: different pictures, different sentences."""

    rows: list[int] = field(default_factory=list)
    """Of the training pictures."""
    texts: list[str] = field(default_factory=list)


def same_words(text: str) -> str:
    """What two sentences share that differ in case and spaces only."""
    return " ".join(text.casefold().split())


def plan_epoch(photographs: Sequence[Photograph], size: int, seed: int, epoch: int) -> list[Batch]:
    """Deal all pictures, each with one of its sentences, to batches of at most `size`, about equally large.

    The same seed and epoch deal the same way. A sentence that many pictures share (a query that was judged) enters a
    batch once, for under a contrastive loss its other pictures would be wrong answers; batches get smaller then. What
    would be alone in a batch has nothing to be told from and is left out of this epoch.
    """
    random = np.random.default_rng([seed, epoch])
    full = math.ceil(len(photographs) / math.ceil(len(photographs) / size))
    closed: list[Batch] = []
    filling: list[tuple[Batch, set[str]]] = []
    for row in random.permutation(len(photographs)).tolist():
        captions = photographs[row].captions
        text = captions[random.integers(len(captions))]
        words = same_words(text)
        place = next((at for at, (_, taken) in enumerate(filling) if words not in taken), len(filling))
        if place == len(filling):
            filling.append((Batch(), set()))
        batch, taken = filling[place]
        batch.rows.append(row)
        batch.texts.append(text)
        taken.add(words)
        if len(batch.rows) == full:
            closed.append(filling.pop(place)[0])
    batches = [batch for batch in [*closed, *(batch for batch, _ in filling)] if len(batch.rows) > 1]
    # The last ones are the smallest: without this they would always meet the lowest learning rate of the epoch.
    return [batches[place] for place in random.permutation(len(batches)).tolist()]


def one_ahead(jobs: Iterable[Callable[[], T]]) -> Iterator[T]:
    """Give the result of each job in order, while the next one is at work in a thread."""
    with ThreadPoolExecutor(1) as pool:
        waiting: Future[T] | None = None
        for job in jobs:
            coming = pool.submit(job)
            if waiting is not None:
                yield waiting.result()
            waiting = coming
        if waiting is not None:
            yield waiting.result()
