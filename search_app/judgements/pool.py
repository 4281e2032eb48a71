"""What to judge: the best answers of several systems to each query, put together (pooling, Sparck Jones 1975)."""

import re
from collections.abc import Mapping, Sequence

from search_app.judgements.values import PictureName, RoundQuery


def pool(
    topics: Mapping[str, str],
    answers: Mapping[str, Mapping[str, Sequence[PictureName]]],
    depth: int,
) -> tuple[RoundQuery, ...]:
    """The union of the first `depth` answers of each system (name -> qid -> answers, best first).

    Sorted by path, which says nothing of system, rank or score. Queries nobody answered are left out.
    """
    queries = []
    for qid, text in topics.items():
        union = {picture.content_hash: picture for found in answers.values() for picture in found.get(qid, ())[:depth]}
        if union:
            queries.append(RoundQuery(qid, text, tuple(sorted(union.values(), key=lambda each: each.path))))
    return tuple(queries)


def slug(text: str) -> str:
    """Text as one word that fits an address and a TREC file; may be empty."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60]
