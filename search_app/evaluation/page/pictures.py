"""The page's pictures: each embedded once, within a limit of bytes, and the strips of answers that show them."""

import base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from search_app.evaluation.trec import Grades, Ranking

Thumbnail: TypeAlias = Callable[[str], bytes | None]
"""From a path to a small JPEG, PNG or WebP; None where there is no picture to show."""
ANSWERS = 6
"""Pictures in a strip."""
_TYPES = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG": "image/png", b"RIFF": "image/webp"}


@dataclass(frozen=True, slots=True)
class Tile:
    """One picture in a strip."""

    path: str
    picture: str | None
    """Its id in the album; None where it cannot be shown."""
    rank: int | None
    """None for a relevant picture that is not among the answers."""
    grade: int | None
    """None where nobody judged it."""

    @property
    def verdict(self) -> str:
        """What the judgements say, in words."""
        if self.grade is None:
            return "not judged"
        return "not relevant" if self.grade <= 0 else f"relevant, grade {self.grade}"


@dataclass(frozen=True, slots=True)
class Strip:
    """The first answers of one system to one query, or the relevant pictures it missed."""

    system: str | None
    value: str
    tiles: tuple[Tile, ...]


class Album:
    """Embeds pictures as they are asked for, until the bytes are used up."""

    def __init__(self, thumbnail: Thumbnail) -> None:
        self._thumbnail = thumbnail
        self._pictures: dict[str, tuple[str, str] | None] = {}
        self._left = 0
        self.left_out: set[str] = set()
        """Paths whose pictures were not embedded for lack of room."""

    def allow(self, size: int) -> None:
        """Grant so many more bytes of pictures."""
        self._left += size

    def id_of(self, path: str) -> str | None:
        """The id under which this picture is embedded; None where there is none or no room is left."""
        if path not in self._pictures:
            if self._left <= 0:
                self.left_out.add(path)
                return None
            content = self._thumbnail(path)
            self._left -= len(content or b"")
            self._pictures[path] = (f"p{len(self._pictures)}", _data_uri(content, path)) if content else None
            self.left_out.discard(path)
        entry = self._pictures[path]
        return entry and entry[0]

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """Ids and data URIs."""
        return iter([entry for entry in self._pictures.values() if entry])


def answer_strip(
    album: Album, system: str, value: str, ranking: Ranking | None, grades: Grades, count: int = ANSWERS
) -> Strip:
    """The first answers of one system."""
    paths = ranking.paths[:count] if ranking else ()
    tiles = [Tile(path, album.id_of(path), rank, grades.get(path)) for rank, path in enumerate(paths, start=1)]
    return Strip(system, value, tuple(tiles))


def missed_strip(album: Album, ranking: Ranking | None, grades: Grades) -> Strip | None:
    """Relevant pictures that are not among the first answers, best grade first."""
    shown = set(ranking.paths[:ANSWERS]) if ranking else set()
    missed = sorted(
        (path for path, grade in grades.items() if grade > 0 and path not in shown), key=lambda path: -grades[path]
    )
    tiles = [Tile(path, album.id_of(path), None, grades[path]) for path in missed[:ANSWERS]]
    return Strip(None, f"{len(missed)}", tuple(tiles)) if tiles else None


def best_and_worst(gains: Mapping[str, float], judged: Mapping[str, Grades], count: int) -> tuple[list[str], list[str]]:
    """Queries with the largest and the smallest gains.

    Of queries with the very same relevant pictures one is taken; among equals the one with more relevant pictures
    comes first. Queries for which nothing is relevant are left out.
    """
    relevant = {qid: frozenset(path for path, grade in judged.get(qid, {}).items() if grade > 0) for qid in gains}
    best = _distinct(sorted(filter(relevant.get, gains), key=lambda qid: (-gains[qid], -len(relevant[qid]))), relevant)
    worst = _distinct(sorted(filter(relevant.get, gains), key=lambda qid: (gains[qid], -len(relevant[qid]))), relevant)
    half = (len(best) + 1) // 2
    best = best[: min(count, half)]
    shown = {relevant[qid] for qid in best}
    return best, [qid for qid in worst if relevant[qid] not in shown][:count]


def _distinct(qids: Sequence[str], relevant: Mapping[str, frozenset[str]]) -> list[str]:
    first: dict[frozenset[str], str] = {}
    for qid in qids:
        first.setdefault(relevant[qid], qid)
    return list(first.values())


def _data_uri(content: bytes, path: str) -> str:
    kind = next((name for start, name in _TYPES.items() if content.startswith(start)), None)
    if kind is None:
        raise ValueError(f"the thumbnail of {path} is neither JPEG, PNG nor WebP")
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
