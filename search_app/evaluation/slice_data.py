"""The slice queries: what users ask, in seven kinds, judged by eye on the real ads; `ads_slices/RULES.md` says how."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from search_app.errors import EvaluationError
from search_app.evaluation.trec import Qrels, Topics, read_qrels, read_topics

FOLDER = Path(__file__).parent / "ads_slices"
SLICES = ("object", "attribute", "counting", "abstract", "printed", "brand", "absent")
"""The kinds, in the order tables show them."""
COLLECTION_SIZE = 377
"""Pictures that were looked at; the qrels name all but two of them."""


@dataclass(frozen=True, slots=True)
class SliceQueries:
    """Queries with their judgements and the slice each belongs to."""

    topics: Topics
    qrels: Qrels
    slices: Mapping[str, str]
    """Query id to one of `SLICES`; the queries of `absent` have no grade above 0."""

    def of(self, name: str) -> list[str]:
        """The query ids of one slice, in the order of the topics."""
        return [qid for qid in self.topics if self.slices[qid] == name]


def read_slices(folder: Path = FOLDER) -> SliceQueries:
    """Read `topics.tsv`, `qrels.txt` and `slices.tsv`; raises `EvaluationError` where they do not belong together."""
    topics = read_topics(folder / "topics.tsv")
    qrels = read_qrels(folder / "qrels.txt")
    slices = read_topics(folder / "slices.tsv")
    for name, known in (("qrels.txt", qrels.grades), ("slices.tsv", slices)):
        if odd := sorted(known.keys() ^ topics.keys()):
            raise EvaluationError(f"{folder / name}: query {odd[0]} stands only here or only in topics.tsv")
    if odd := sorted(qid for qid, name in slices.items() if name not in SLICES):
        raise EvaluationError(f"{folder / 'slices.tsv'}: query {odd[0]} has no slice among {', '.join(SLICES)}")
    return SliceQueries(topics, qrels, slices)
