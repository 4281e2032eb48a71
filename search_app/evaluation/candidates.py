"""Which statement belongs to this ad? The choice among candidates of the Pitt ads' challenge, for any search.

The protocol is that of the challenge and of ADVISE (Ye and Kovashka, ECCV 2018; `train/eval_utils.py` of
yekeren/ADVISE-Image_ads_understanding): each ad has 15 candidates, up to three of them its own; its accuracy, here
P@1, says whether the best candidate is an own one, and its `rank_min`, here MeanRank, is the rank of the best own one.
The challenge's draws are not at hand, so the others are drawn anew, many times, and averaged.
"""

import time
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from search_app.evaluation.measures import Measure, QueryScores
from search_app.evaluation.report import Counts, EvaluationReport
from search_app.evaluation.runner import EvaluationOptions, Search
from search_app.evaluation.sections import About, report_of
from search_app.evaluation.trec import Qrels, encode_path

MAX_PICTURES = 1000
"""Of a larger collection so many pictures are drawn, for the scores of all statements for all of them are kept."""
MEASURES = (Measure("P", 1), Measure("MeanRank"))
_BATCH = 32


@dataclass(frozen=True, slots=True)
class Task:
    """How the candidates of one picture are drawn."""

    name: str
    title: str
    own: int
    """Own statements among the candidates; a picture with fewer brings all it has."""
    candidates: int
    same_topic: bool = False
    """The other statements are of pictures with the same topic."""


TASKS = (
    Task("candidates", "Which of 15 statements is about this picture?", own=3, candidates=15),
    Task("candidates-hard", "Which of 15 statements on the same topic?", own=3, candidates=15, same_topic=True),
    Task("candidates-3", "Which of three statements?", own=1, candidates=3),
)


@dataclass(frozen=True)
class Statements:
    """The statements of a collection and whose they are."""

    pictures: tuple[str, ...]
    texts: tuple[str, ...]
    owners: NDArray[np.int64]
    """Place of each text's picture, shape (texts,)."""
    topics: tuple[str | None, ...]
    """Of each picture; None where nothing is known."""

    @cached_property
    def keys(self) -> NDArray[np.str_]:
        """The texts as they are compared: the same sentence about two pictures belongs to both."""
        return np.array([text.casefold() for text in self.texts])

    def own(self, picture: int) -> NDArray[np.int64]:
        """Places of the picture's statements."""
        return np.flatnonzero(self.owners == picture)

    def others(self, picture: int, *, same_topic: bool) -> NDArray[np.int64]:
        """Places of what others say, and only others."""
        fit = (self.owners != picture) & ~np.isin(self.keys, self.keys[self.own(picture)])
        if same_topic:
            topic = self.topics[picture]
            alike = np.array([topic is not None and each == topic for each in self.topics])
            fit &= alike[self.owners]
        return np.flatnonzero(fit)


def collect_statements(owned: Mapping[str, Sequence[str]], topics: Mapping[str, str], *, seed: int = 0) -> Statements:
    """Put statements by picture into one list; of more than `MAX_PICTURES` pictures as many are drawn."""
    pictures = sorted(owned)
    if len(pictures) > MAX_PICTURES:
        drawn = np.random.default_rng(seed).choice(len(pictures), MAX_PICTURES, replace=False)
        pictures = [pictures[place] for place in sorted(drawn.tolist())]
    pairs = [(place, text) for place, picture in enumerate(pictures) for text in owned[picture]]
    return Statements(
        tuple(pictures),
        tuple(text for _, text in pairs),
        np.array([place for place, _ in pairs], dtype=np.int64),
        tuple(topics.get(picture) for picture in pictures),
    )


Drawn: TypeAlias = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Places of the right and of the wrong candidates of one picture, shapes (draws, right) and (draws, wrong)."""


@dataclass(frozen=True)
class CandidatesPart:
    """All tasks over the same statements, which are asked once."""

    statements: Statements
    tasks: tuple[Task, ...]
    collection_size: int
    """Answers asked for each statement: every picture has a score, unless the search does not find it at all."""
    draws: int = 100
    seed: int = 0

    @property
    def sections(self) -> Sequence[About]:
        """One section a task."""
        return [_about(task, self) for task in self.tasks]

    @property
    def asked(self) -> int:
        """One text a statement."""
        return len(self.statements.texts)

    def evaluate(self, search: Search, options: EvaluationOptions) -> dict[str, EvaluationReport]:
        """Ask every statement for the scores of all pictures, then let each picture choose."""
        began = time.perf_counter()
        scores = score_matrix(search, self.statements, self.collection_size)
        seconds = time.perf_counter() - began
        return {task.name: self._report(task, scores, options, seconds) for task in self.tasks}

    def _report(
        self, task: Task, scores: NDArray[np.float32], options: EvaluationOptions, seconds: float
    ) -> EvaluationReport:
        drawn = self._drawn[task.name]
        values = [_averages(scores[:, picture], candidates) for picture, candidates in drawn.items()]
        players = list(drawn)
        qids = tuple(encode_path(self.statements.pictures[picture]) for picture in players)
        counts = Counts(
            topics=len(self.statements.pictures),
            measured=len(players),
            without_qrels=len(self.statements.pictures) - len(players),
            without_topic=0,
            unanswered=0,
            without_relevant=0,
            judgements=int(np.isin(self.statements.owners, players).sum()),
            judged_pictures=len(players),
            unknown_pictures=0,
        )
        return report_of(QueryScores(MEASURES, qids, np.array(values)), counts, options, seconds)

    @cached_property
    def _drawn(self) -> Mapping[str, Mapping[int, Drawn]]:
        """By task and picture. Drawn once: every system chooses among the same candidates."""
        return {
            task.name: {each: self._draw(task, each) for each in playing(self.statements, task)} for task in self.tasks
        }

    def _draw(self, task: Task, picture: int) -> Drawn:
        # Seeded by the picture: what is drawn for one does not hang on which others there are.
        name = zlib.crc32(f"{task.name} {self.statements.pictures[picture]}".encode("utf-8", "surrogateescape"))
        random = np.random.default_rng([self.seed, name])
        own, others = self.statements.own(picture), self.statements.others(picture, same_topic=task.same_topic)
        right = _draw(own, min(task.own, len(own)), self.draws, random)
        return right, _draw(others, task.candidates - right.shape[1], self.draws, random)


def _averages(scores: NDArray[np.float32], candidates: Drawn) -> tuple[float, float]:
    """P@1 and MeanRank of a picture with these scores, shape (texts,), over all draws."""
    right, wrong = candidates
    first, rank = choose(scores[right], scores[wrong])
    return float(first.mean()), float(rank.mean())


def score_matrix(search: Search, statements: Statements, depth: int) -> NDArray[np.float32]:
    """The score of each picture for each statement, shape (texts, pictures); -inf where it was not found."""
    places = {picture: place for place, picture in enumerate(statements.pictures)}
    matrix = np.full((len(statements.texts), len(places)), -np.inf, dtype=np.float32)
    for start in range(0, len(statements.texts), _BATCH):
        for row, ranking in enumerate(search(statements.texts[start : start + _BATCH], depth), start=start):
            for path, score in zip(ranking.paths, ranking.scores, strict=True):
                if path in places:
                    matrix[row, places[path]] = score
    return matrix


def choose(right: NDArray[np.float32], wrong: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Whether the best candidate is right, and the rank of the best right one; each of shape (draws,).

    Takes scores of shapes (draws, right candidates) and (draws, wrong ones). Of equal scores any order is as likely,
    and what is given is the mean over all orders: nothing is won or lost by the order of a list.
    """
    best = right.max(axis=1, keepdims=True)
    above = (wrong > best).sum(axis=1)
    level_wrong, level_right = (wrong == best).sum(axis=1), (right == best).sum(axis=1)
    first = np.where(above == 0, level_right / (level_right + level_wrong), 0.0)
    return first, 1.0 + above + level_wrong / (level_right + 1)


def playing(statements: Statements, task: Task) -> list[int]:
    """Places of the pictures for which there are enough other statements."""
    return [
        picture
        for picture in range(len(statements.pictures))
        if len(statements.others(picture, same_topic=task.same_topic))
        >= task.candidates - min(task.own, len(statements.own(picture)))
    ]


def _draw(places: NDArray[np.int64], count: int, draws: int, random: np.random.Generator) -> NDArray[np.int64]:
    """`draws` rows of `count` different ones."""
    order = random.random((draws, len(places))).argsort(axis=1)
    drawn: NDArray[np.int64] = places[order[:, :count]]
    return drawn


def _about(task: Task, part: CandidatesPart) -> About:
    origin = "ads of the same topic" if task.same_topic else "other ads"
    players = len(playing(part.statements, task))
    note = (
        f"Each picture chooses among {task.candidates} statements by the score that the search gives it for each: "
        f"{task.own} of its own (or as many as it has), the others of {origin}; mean over {part.draws} draws. P@1: the "
        f"best is an own one. MeanRank: rank of the best own one, less is better. {players} of "
        f"{len(part.statements.pictures)} pictures have enough candidates. Scores of different statements are compared "
        f"as they are."
    )
    return About(task.name, task.title, note, {}, Qrels({}), {})
