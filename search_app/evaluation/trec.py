"""TREC topics, qrels and run files whose document names are paths; their percent-encoding lives only here.

Topics are `qid<TAB>text`, qrels `qid 0 PATH grade`, runs `qid Q0 PATH rank score tag`, all UTF-8. In memory a path is
decoded and normalised (`./a%20b.jpg` is `a b.jpg`).
"""

import math
import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeAlias
from urllib.parse import quote, unquote

import numpy as np
from numpy.typing import NDArray

from search_app.errors import EvaluationError

Topics: TypeAlias = Mapping[str, str]
"""Query id to query text, in the order of the file."""
Grades: TypeAlias = Mapping[str, int]
"""Path to grade: 0 is irrelevant, more is better."""

_UNSAFE = re.compile(r"[\s%\x00-\x1f\x7f\udc80-\udcff]")
"""What would break a line or the way back: whitespace of any script, control characters, `%`, undecodable bytes."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """The answer to one query, best first; the order of `paths` is what counts, whatever ties `scores` hold."""

    paths: Sequence[str]
    scores: NDArray[np.floating[Any]]
    """Shape (len(paths),), never increasing."""

    def __post_init__(self) -> None:
        if len(self.paths) != len(self.scores) or not np.all(self.scores[:-1] >= self.scores[1:]):
            raise ValueError("a ranking needs one score for each path, best first")


@dataclass(frozen=True, slots=True)
class Qrels:
    """Relevance judgements of each query."""

    grades: Mapping[str, Grades]
    """Query id to grades."""
    spellings: Mapping[str, str] = field(default_factory=dict)
    """Path to PATH as the file spelled it; runs repeat that spelling, so that other tools match the names too."""


def decode_path(text: str) -> str:
    """Turn PATH of a TREC file into the path the index knows."""
    return posixpath.normpath(unquote(text, errors="surrogateescape"))


def encode_path(path: str) -> str:
    """Turn a path into one word; everything but whitespace, control characters and `%` stays as it is."""
    return _UNSAFE.sub(lambda match: quote(match.group(), safe="", errors="surrogateescape"), path)


def read_topics(path: Path) -> dict[str, str]:
    """Read `qid<TAB>text` lines; raises `EvaluationError` naming file and line."""
    topics: dict[str, str] = {}
    for number, line in _lines(path):
        if "\t" not in line:
            raise _refusal(path, number, "expected `qid<TAB>text`, found no tab")
        qid, text = (part.strip() for part in line.split("\t", 1))
        if qid.split() != [qid]:
            raise _refusal(path, number, f"the query id {qid!r} must be one word")
        if not text:
            raise _refusal(path, number, f"query {qid} has no text")
        if qid in topics:
            raise _refusal(path, number, f"query id {qid} was used before")
        topics[qid] = text
    if not topics:
        raise EvaluationError(f"{path}: holds no queries")
    return topics


def read_qrels(path: Path) -> Qrels:
    """Read `qid 0 PATH grade` lines; negative grades count as 0. Raises `EvaluationError` naming file and line."""
    grades: dict[str, dict[str, int]] = {}
    spellings: dict[str, str] = {}
    for number, line in _lines(path):
        fields = line.split()
        if len(fields) != 4:
            raise _refusal(path, number, "expected `qid 0 PATH grade`; a space inside PATH is written %20")
        qid, _, spelled, text = fields
        if not re.fullmatch(r"[+-]?[0-9]+", text):
            raise _refusal(path, number, f"the grade {text!r} is not a whole number")
        grade = max(0, int(text))
        image = decode_path(spelled)
        spellings.setdefault(image, spelled)
        known = grades.setdefault(qid, {}).setdefault(image, grade)
        if known != grade:
            raise _refusal(path, number, f"{spelled} was graded {known} before for query {qid}")
    if not grades:
        raise EvaluationError(f"{path}: holds no judgements")
    return Qrels(grades, spellings)


def read_run(path: Path) -> dict[str, Ranking]:
    """Read a run; the rank column is ignored, scores decide.

    Equal scores are ordered as trec_eval does (scores as float32, then PATH as spelled, descending), so that the
    measures agree with it on any file. Raises `EvaluationError` naming file and line.
    """
    rows: dict[str, dict[str, float]] = {}
    images: dict[str, tuple[str, str]] = {}
    for number, line in _lines(path):
        fields = line.split()
        if len(fields) != 6:
            raise _refusal(path, number, "expected `qid Q0 PATH rank score tag`; a space inside PATH is written %20")
        qid, _, spelled, _, text, _ = fields
        # One object for each name: a run repeats its names in thousands of queries.
        spelled, _ = images.get(spelled) or images.setdefault(spelled, (spelled, decode_path(spelled)))
        answers = rows.setdefault(qid, {})
        if spelled in answers:
            raise _refusal(path, number, f"{spelled} was ranked before for query {qid}")
        answers[spelled] = _score(path, number, text)
    return {qid: _ranked(answers, images) for qid, answers in rows.items()}


def write_topics(path: Path, topics: Topics) -> None:
    """Write `qid<TAB>text` lines; whitespace inside a text becomes single spaces."""
    lines = (f"{qid}\t{' '.join(text.split())}\n" for qid, text in topics.items())
    path.write_text("".join(lines), encoding="utf-8", newline="\n")


def write_qrels(path: Path, qrels: Qrels) -> None:
    """Write `qid 0 PATH grade` lines."""
    lines = (
        f"{qid} 0 {qrels.spellings.get(image) or encode_path(image)} {grade}\n"
        for qid, grades in qrels.grades.items()
        for image, grade in grades.items()
    )
    path.write_text("".join(lines), encoding="utf-8", newline="\n")


class RunWriter:
    """Streams rankings to a run file, which appears under its name when the `with` block ends well.

    Scores are written strictly decreasing: a tie is broken by the smallest float32 step, so that every tool that
    sorts by score sees the order the index gave.
    """

    def __init__(self, path: Path, tag: str, spellings: Mapping[str, str] | None = None) -> None:
        self._path = path
        self._unfinished = path.with_name(f"{path.name}.part")
        self._tag = encode_path(tag)
        self._words = dict(spellings or {})

    def __enter__(self) -> Self:
        try:
            self._file = self._unfinished.open("w", encoding="utf-8", newline="\n")
        except OSError as error:
            raise EvaluationError(f"{self._path}: cannot be written: {error.strerror}") from error
        return self

    def write(self, qid: str, ranking: Ranking) -> None:
        """Append the answer to one query."""
        scores = strictly_decreasing(ranking.scores).tolist()
        self._file.writelines(
            f"{qid} Q0 {self._word(path)} {rank} {score:.9g} {self._tag}\n"
            for rank, (path, score) in enumerate(zip(ranking.paths, scores, strict=True), start=1)
        )

    def _word(self, path: str) -> str:
        word = self._words.get(path)
        if word is None:
            word = self._words[path] = encode_path(path)
        return word

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        if kind is None:
            self._unfinished.replace(self._path)
        else:
            self._unfinished.unlink(missing_ok=True)


def strictly_decreasing(scores: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Lower each score that is not below its predecessor to the next smaller float32."""
    # The bits of a float32, read as sign and magnitude, count the floats in their order.
    bits = scores.astype(np.float32).view(np.int32).astype(np.int64)
    places = np.where(bits < 0, -(bits & 0x7FFFFFFF), bits)
    ranks = np.arange(len(places))
    places = np.minimum.accumulate(places + ranks) - ranks
    return np.where(places < 0, -places | -0x80000000, places).astype(np.int32).view(np.float32)


def _score(path: Path, number: int, text: str) -> float:
    try:
        score = float(text)
    except ValueError:
        score = math.nan
    if math.isnan(score):
        raise _refusal(path, number, f"the score {text!r} is not a number")
    return score


def _ranked(answers: Mapping[str, float], images: Mapping[str, tuple[str, str]]) -> Ranking:
    scores = np.array(list(answers.values()), dtype=np.float32)
    order = sorted(zip(scores.tolist(), answers, strict=True), reverse=True)
    return Ranking([images[spelled][1] for _, spelled in order], np.sort(scores)[::-1])


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Each line that is not blank, with its number."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, start=1):
                if not line.isspace():
                    yield number, line
    except OSError as error:
        raise EvaluationError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise EvaluationError(f"{path}: is not UTF-8; save the file as UTF-8") from error


def _refusal(path: Path, number: int, problem: str) -> EvaluationError:
    return EvaluationError(f"{path}, line {number}: {problem}")
