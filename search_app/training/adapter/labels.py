"""What people said about pictures of a collection, as the arrays that a head learns from."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from search_app.errors import TrainingError
from search_app.training.pair_files import read_pair_lines

MOST_TEXTS = 2000
"""Each of the many fits of a validation inverts a matrix of this size: with more it is no matter of minutes."""
LEAST_PICTURES = 10
"""Validation leaves a fifth out, and of the rest a third: with fewer labelled pictures there is nothing to learn."""


@dataclass(frozen=True, slots=True)
class LabelSource:
    """Labels as they were read."""

    origin: str
    """What to call them."""
    topics: Mapping[str, str]
    """Query id to text."""
    grades: Mapping[str, Mapping[str, int]]
    """Query id to path to grade; above 0 is relevant."""

    def __post_init__(self) -> None:
        nameless = sorted(self.grades.keys() - self.topics.keys())
        if nameless:
            raise TrainingError(f"{self.origin}: query {nameless[0]} is judged but has no text among the topics")


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """Queries with something relevant in the collection; the same text from several sources is one."""

    texts: tuple[str, ...]
    relevance: NDArray[np.float32]
    """(queries, pictures): the grade by the highest one of its source; 0 where nobody judged."""
    judged: NDArray[np.bool_]
    """(queries, pictures): somebody did."""
    groups: tuple[str, ...]
    """One name for each query; those with the very same relevant pictures share one."""
    absent: tuple[str, ...]
    """Labelled pictures that are not in the collection."""

    @classmethod
    def of(cls, sources: Sequence[LabelSource], rows: Mapping[str, int]) -> Self:
        """Put labels onto the rows of a collection (path to row); raises `TrainingError` where nothing is relevant."""
        texts = list(dict.fromkeys(_plain(source.topics[qid]) for source in sources for qid in source.grades))
        relevance = np.zeros((len(texts), len(rows)), np.float32)
        judged = np.zeros(relevance.shape, bool)
        absent: dict[str, None] = {}
        for place, path, grade in _each(sources, texts):
            if (row := rows.get(path)) is None:
                absent[path] = None
            else:
                judged[place, row] = True
                relevance[place, row] = max(relevance[place, row], grade)
        if not relevance.any():
            names = ", ".join(source.origin for source in sources)
            example = f", such as {next(iter(absent))}" if absent else ""
            raise TrainingError(f"{names}: no picture of the collection is relevant to any query{example}")
        kept = np.flatnonzero(relevance.any(axis=1))
        groups = _same_relevant(relevance[kept], [texts[place] for place in kept])
        return cls(tuple(texts[place] for place in kept), relevance[kept], judged[kept], groups, tuple(absent))

    def require_enough(self) -> None:
        """Raise `TrainingError` where there is too little to learn from, or too much for this method."""
        pictures = int(self.relevance.any(axis=0).sum())
        if pictures < LEAST_PICTURES:
            raise TrainingError(
                f"{pictures} pictures of the collection are relevant to a query, {LEAST_PICTURES} are needed at least: "
                "judge more answers"
            )
        if len(self.texts) > MOST_TEXTS:
            raise TrainingError(
                f"{len(self.texts)} different texts are labelled, a head learns from {MOST_TEXTS} at most: give it "
                "fewer, or tune the model itself with `train finetune`"
            )

    def answers(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Each query with each picture that is relevant to it: places of the queries, rows of the pictures."""
        queries, rows = np.nonzero(self.relevance)
        return queries, rows


def read_pairs(path: Path) -> LabelSource:
    """Read lines of `path<TAB>text`, several for a picture where it has several texts.

    Raises `TrainingError` naming the file, and the line where one is wrong.
    """
    pictures: dict[str, dict[str, int]] = {}
    for picture, text in read_pair_lines(path):
        pictures.setdefault(_plain(text), {})[picture] = 1
    qids = {text: str(number) for number, text in enumerate(pictures, 1)}
    return LabelSource(path.name, {qid: text for text, qid in qids.items()}, {qids[t]: g for t, g in pictures.items()})


def without(phrases: Iterable[str], texts: Iterable[str]) -> tuple[str, ...]:
    """The phrases that are none of the texts: what is labelled is not neutral."""
    labelled = {text.casefold() for text in texts}
    return tuple(phrase for phrase in phrases if phrase.casefold() not in labelled)


def _each(sources: Sequence[LabelSource], texts: Sequence[str]) -> Iterator[tuple[int, str, float]]:
    """Place of the text, path and grade, 0 to 1, of each label."""
    places = {text: place for place, text in enumerate(texts)}
    for source in sources:
        highest = max((grade for grades in source.grades.values() for grade in grades.values()), default=1)
        for qid, grades in source.grades.items():
            for path, grade in grades.items():
                yield places[_plain(source.topics[qid])], path, max(grade, 0) / max(highest, 1)


def _plain(text: str) -> str:
    return " ".join(text.split())


def _same_relevant(relevance: NDArray[np.float32], texts: Sequence[str]) -> tuple[str, ...]:
    first: dict[bytes, str] = {}
    return tuple(first.setdefault((row > 0).tobytes(), text) for row, text in zip(relevance, texts, strict=True))
