"""What the groups of copies in an index say to a person: levels, files, and the bytes the copies take."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from search_app.datatypes import Known, VectorQuery
from search_app.index.base import IndexReader

Level: TypeAlias = Literal["first", "same bytes", "same picture"]
QUERIES_AT_ONCE = 64
NEIGHBOURS = 20
"""Similar pictures looked for around each."""


@dataclass(frozen=True, slots=True)
class Member:
    """One picture of a group."""

    known: Known
    level: Level
    """Beside the members before it: the first of all, of the bytes of one of them, or the same picture only."""


@dataclass(frozen=True, slots=True)
class CopyGroup:
    """Two or more files that show one picture, in the order of ids."""

    members: tuple[Member, ...]

    @property
    def level(self) -> Level:
        """The weaker of its members' levels."""
        levels = {member.level for member in self.members}
        return "same picture" if "same picture" in levels else "same bytes"

    @property
    def same_bytes(self) -> int:
        """Bytes of all files whose very bytes another file of the group has too: freed without loss."""
        return sum(one.known.picture.size_bytes for one in self.members if one.level == "same bytes")

    @property
    def reclaimable(self) -> int:
        """Bytes of all files but the largest."""
        sizes = [one.known.picture.size_bytes for one in self.members]
        return sum(sizes) - max(sizes)


@dataclass(frozen=True, slots=True)
class SimilarPair:
    """Two pictures that are near each other and no copies."""

    first: Known
    second: Known
    cosine: float


def list_groups(known: Iterable[Known]) -> list[CopyGroup]:
    """The groups of an index, by the smallest id; what is alone is left out."""
    by_head: dict[int, list[Known]] = {}
    for item in sorted(known, key=lambda item: item.id):
        if item.picture.copy_of:
            by_head.setdefault(item.picture.copy_of, []).append(item)
    return [CopyGroup(tuple(_members(items))) for _, items in sorted(by_head.items()) if len(items) > 1]


def _members(items: Sequence[Known]) -> Iterator[Member]:
    seen: set[str] = set()
    for item in items:
        level: Level = "same bytes" if item.picture.content_hash in seen else "same picture"
        yield Member(item, level if seen else "first")
        seen.add(item.picture.content_hash)


def similar_pairs(reader: IndexReader, known: Iterable[Known], least_cosine: float) -> list[SimilarPair]:
    """Pairs whose vectors have at least this cosine, best first, of pictures that are alone or the first of a group.

    Looks at the `NEIGHBOURS` nearest of each picture; where more are that near, the farther ones may be left out.
    """
    heads = {item.id: item for item in known if item.picture.copy_of in {0, item.id}}
    ids = sorted(heads)
    cosines: dict[tuple[int, int], float] = {}
    for start in range(0, len(ids), QUERIES_AT_ONCE):
        vectors = reader.vectors(ids[start : start + QUERIES_AT_ONCE])
        queries = [VectorQuery(vector, NEIGHBOURS + 1, min_score=least_cosine) for vector in vectors.values()]
        for number, found in zip(vectors, reader.search(queries), strict=True):
            for other, score in zip(found.ids.tolist(), found.scores.tolist(), strict=True):
                if other != number and other in heads:
                    cosines[min(number, other), max(number, other)] = score
    order = sorted(cosines.items(), key=lambda pair: (-pair[1], pair[0]))
    return [SimilarPair(heads[first], heads[second], cosine) for (first, second), cosine in order]
