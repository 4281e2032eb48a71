"""Judgements as topics and qrels, several people's merged into one grade for each picture."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from search_app.judgements.pool import slug
from search_app.judgements.values import Kind, PictureName, Recorded, Round

Merge = Literal["majority", "mean"]
Locate = Callable[[PictureName], Sequence[str]]
"""Where a picture is now: several paths for copies, none where it is gone and another took its place."""
_ByPicture = dict[str, dict[PictureName, list[int]]]


@dataclass(frozen=True, slots=True)
class Labels:
    """A test collection made of judgements."""

    topics: Mapping[str, str]
    """Query id to text."""
    grades: Mapping[str, Mapping[str, int]]
    """Query id to path to grade."""
    left_out: int = 0
    """Labels of pictures that are gone."""

    def topics_text(self) -> str:
        """`qid<TAB>text` lines."""
        return "".join(f"{qid}\t{text}\n" for qid, text in self.topics.items())

    def qrels_text(self, spell_path: Callable[[str], str]) -> str:
        """`qid 0 PATH grade` lines; `spell_path` writes a path as one word."""
        return "".join(
            f"{qid} 0 {spell_path(path)} {grade}\n"
            for qid, grades in self.grades.items()
            for path, grade in sorted(grades.items())
        )


def collect_labels(
    recorded: Iterable[Recorded],
    kind: Kind,
    rounds: Sequence[Round] = (),
    merge: Merge = "majority",
    locate: Locate = lambda picture: (picture.path,),
) -> Labels:
    """Labels from judgements in the order they were made; query ids are those of the rounds, newest first."""
    said = [each for each in recorded if each.judgement.kind == kind and each.judgement.verdict == "graded"]
    by_text = _by_category(said) if kind == "category" else _by_query(said)
    qids = _qids(by_text, {} if kind == "category" else _round_qids(rounds))
    grades: dict[str, dict[str, int]] = {}
    left_out = 0
    for text, pictures in by_text.items():
        of_query: dict[str, int] = {}
        for picture, given in pictures.items():
            paths = locate(picture)
            left_out += not paths
            of_query.update(dict.fromkeys(paths, merged(given, merge)))
        if of_query:
            grades[qids[text]] = of_query
    return Labels({qid: text for text, qid in qids.items() if qid in grades}, grades, left_out)


def merged(given: Sequence[int], merge: Merge) -> int:
    """One grade for several; what is equally near goes to the lower one, so that doubt makes nothing relevant."""
    if merge == "majority":
        counts = Counter(given)
        return min(counts, key=lambda grade: (-counts[grade], grade))
    return int(np.ceil(np.mean(given) - 0.5))


def _by_query(said: Iterable[Recorded]) -> _ByPicture:
    found: dict[str, dict[str, dict[str, Recorded]]] = {}
    for each in said:
        judgement = each.judgement
        people = found.setdefault(judgement.query, {}).setdefault(judgement.picture.content_hash, {})
        # What one person judged with care counts before their thumb.
        known = people.get(judgement.assessor)
        if known is None or known.judgement.source == "thumb" or judgement.source == "judging":
            people[judgement.assessor] = each
    return {
        query: {
            max(people.values(), key=lambda each: each.seq).judgement.picture: [
                each.judgement.grade or 0 for each in people.values()
            ]
            for people in pictures.values()
        }
        for query, pictures in found.items()
    }


def _by_category(said: Iterable[Recorded]) -> _ByPicture:
    """Each category as a query: 1 for pictures in it, 0 for the others that were judged."""
    people = list(said)
    latest = {each.judgement.picture.content_hash: each.judgement.picture for each in people}
    found: _ByPicture = {}
    for category in sorted({name for each in people for name in each.judgement.categories}):
        pictures = found.setdefault(category, {})
        for each in people:
            picture = latest[each.judgement.picture.content_hash]
            pictures.setdefault(picture, []).append(int(category in each.judgement.categories))
    return found


def _round_qids(rounds: Sequence[Round]) -> dict[str, str]:
    """Text to qid; the first round that has a text wins."""
    qids: dict[str, str] = {}
    for each in rounds:
        for query in each.queries:
            qids.setdefault(query.text, query.qid)
    return qids


def _qids(texts: Iterable[str], wanted: Mapping[str, str]) -> dict[str, str]:
    """A query id for each text, no two alike."""
    qids: dict[str, str] = {}
    used: set[str] = set()
    for text in sorted(texts, key=lambda text: text not in wanted):
        stem = wanted.get(text) or slug(text) or "query"
        qid, number = stem, 1
        while qid in used:
            number += 1
            qid = f"{stem}-{number}"
        used.add(qid)
        qids[text] = qid
    return {text: qids[text] for text in texts}
