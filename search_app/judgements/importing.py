"""Labels made elsewhere as judgements."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID, uuid5

from search_app.errors import JudgementError
from search_app.judgements.pictures import IndexedPictures
from search_app.judgements.values import GRADES, Judgement

_NAMESPACE = UUID("6f1c2c0e-8c4b-5d0f-9a37-2f6f0d1b7a55")


@dataclass(frozen=True, slots=True)
class Imported:
    """What labels became."""

    judgements: list[Judgement]
    unknown: list[str]
    """Paths that are not in the index."""
    contradicting: list[str]
    """Paths whose content was graded otherwise under another name; the first grade is kept."""


def judgements_from_labels(
    topics: Mapping[str, str], grades: Mapping[str, Mapping[str, int]], pictures: IndexedPictures, assessor: str
) -> Imported:
    """Judgements of `assessor`, one for each query's words and picture's content.

    The same label has the same uuid each time, so that a second import changes nothing and takes nothing back that
    was judged since. Raises `JudgementError` for a query without words and for grades this product does not have.
    """
    if nameless := sorted(grades.keys() - topics.keys()):
        raise JudgementError(f"the topics have no words for query {', '.join(nameless[:5])} of the qrels")
    made: dict[tuple[str, str], Judgement] = {}
    unknown: set[str] = set()
    contradicting: set[str] = set()
    for qid, path, grade in ((qid, path, grade) for qid, given in grades.items() for path, grade in given.items()):
        if grade not in GRADES:
            raise JudgementError(
                f"query {qid}: {path} has grade {grade}, not 0, 1 or 2: map the others before importing"
            )
        picture = pictures.by_path.get(path)
        if picture is None:
            unknown.add(path)
            continue
        subject = topics[qid], picture.content_hash
        uuid = uuid5(_NAMESPACE, "\0".join((assessor, *subject, str(grade))))
        judgement = Judgement(str(uuid), assessor, picture, query=topics[qid], grade=grade)
        if made.setdefault(subject, judgement).grade != grade:
            contradicting.add(path)
    return Imported(list(made.values()), sorted(unknown), sorted(contradicting))
