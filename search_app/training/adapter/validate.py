"""Validates a head on what it never saw: pictures, wordings, whole topics, watched queries, neutral phrases."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from search_app.datatypes import FloatMatrix
from search_app.encoders.adapter_head import AdapterHead
from search_app.training.adapter.fit import AdapterData, AdapterOptions, Matrix, Rows
from search_app.training.adapter.folds import (
    average_precision,
    each_fold,
    held_out_precision,
    kept_answers,
    mean_where_known,
    ranks,
    split,
    split_groups,
)
from search_app.training.adapter.strength import choose_strength, fit_at, score

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Validation:
    """How a head is validated."""

    folds: int = 5
    repeats: int = 5
    """Times everything is done, with other folds each time."""
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Guard:
    """Queries that are watched and never learnt from, each with a picture that answers it."""

    texts: FloatMatrix
    """(queries, dim), vectors of the base."""
    places: Rows
    """(queries,): which row of the pictures."""


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """How queries are answered, by the base or by heads that never saw what they are asked about."""

    held_out: Matrix
    """(queries,): average precision on pictures left out, see `held_out_precision`; mean over the folds."""
    other_wording: Matrix
    """(queries,): the same by heads that never saw the query either, though others of its group."""
    other_topic: Matrix
    """(queries,): average precision over all pictures by heads that never saw any query of the group."""
    guarded: Rows
    """(guarded,): rank among all pictures of the one that answers, by heads that never saw that picture."""


@dataclass(frozen=True, slots=True, eq=False)
class Repeat:
    """What one round of cross-validation found."""

    base: Answers
    adapted: Answers
    kept: Matrix
    """(phrases,): share of the first ten that stayed, by heads that never saw the phrase."""
    strengths: tuple[float, ...]
    """What each fold of the pictures chose."""


def validate(
    data: AdapterData, guard: Guard, options: AdapterOptions, how: Validation, progress: Progress
) -> list[Repeat]:
    """Cross-validate: every picture is judged by a head that was chosen and fitted without it.

    The strength is chosen anew inside each fold of pictures and of topics; for a wording that was left out it is that
    of the fold of pictures.
    """
    total = 2 * how.folds * how.repeats

    def tell(before: int, done: int) -> None:
        progress(before + done, total)

    progress(0, total)
    return [
        _Round(data, guard, options, how, repeat).run(partial(tell, 2 * how.folds * repeat))
        for repeat in range(how.repeats)
    ]


class _Round:
    """One round of cross-validation; holds what its steps share."""

    def __init__(self, data: AdapterData, guard: Guard, options: AdapterOptions, how: Validation, repeat: int) -> None:
        self._data, self._guard, self._options, self._folds = data, guard, options, how.folds
        self._seed = how.seed * 1_000_003 + repeat * 1009
        self._phrases = split(len(data.neutral), how.folds, self._seed + 1)
        self._wordings = split(len(data.texts), how.folds, self._seed + 2)
        self._plain = score(None, data.texts, data.images)
        self._kept = np.ones(len(data.neutral))
        self._ranks = np.zeros(len(guard.places), np.int64)

    def run(self, progress: Callable[[int], None]) -> Repeat:
        found: dict[str, list[Matrix]] = {"base": [], "learnt": [], "wording": []}
        strengths = []
        for fold, (seen, unseen) in enumerate(each_fold(split(len(self._data.images), self._folds, self._seed))):
            part = self._data.with_images(seen).with_neutral(np.flatnonzero(self._phrases != fold))
            strengths.append(choose_strength(part, self._options, self._seed + 10 + fold))
            head = fit_at(part, self._options, strengths[-1])
            self._watch(head, unseen, self._phrases == fold)
            scores = {
                "base": self._plain,
                "learnt": score(head, self._data.texts, self._data.images),
                "wording": self._other_wording(part, strengths[-1]),
            }
            for name, each in scores.items():
                found[name].append(held_out_precision(each, self._data.relevance, seen))
            progress(fold + 1)
        topic = self._other_topic(lambda done: progress(self._folds + done))
        known = {name: mean_where_known(each) for name, each in found.items()}
        plain = average_precision(self._plain, self._data.relevance)
        watched = ranks(score(None, self._guard.texts, self._data.images), self._guard.places)
        return Repeat(
            Answers(known["base"], known["base"], plain, watched),
            Answers(known["learnt"], known["wording"], topic, self._ranks),
            self._kept,
            tuple(strengths),
        )

    def _watch(self, head: AdapterHead | None, unseen: Rows, asked: NDArray[np.bool_]) -> None:
        """Note what a head does to phrases it did not know, and to watched queries whose pictures it did not see."""
        images, phrases = self._data.images, self._data.neutral[asked]
        self._kept[asked] = kept_answers(score(head, phrases, images), score(None, phrases, images))
        own = np.isin(self._guard.places, unseen)
        self._ranks[own] = ranks(score(head, self._guard.texts[own], images), self._guard.places[own])

    def _other_wording(self, part: AdapterData, strength: float) -> FloatMatrix:
        scores = np.zeros((len(part.texts), len(self._data.images)), np.float32)
        for learnt, asked in each_fold(self._wordings):
            head = fit_at(part.with_queries(learnt), self._options, strength)
            scores[asked] = score(head, self._data.texts[asked], self._data.images)
        return scores

    def _other_topic(self, progress: Callable[[int], None]) -> Matrix:
        found = np.zeros(len(self._data.texts))
        for fold, (learnt, asked) in enumerate(each_fold(split_groups(self._data.groups, self._folds, self._seed + 3))):
            part = self._data.with_queries(learnt)
            head = fit_at(part, self._options, choose_strength(part, self._options, self._seed + 30 + fold))
            scores = score(head, self._data.texts[asked], self._data.images)
            found[asked] = average_precision(scores, self._data.relevance[asked])
            progress(fold + 1)
        return found
