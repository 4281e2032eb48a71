"""The store of judgements: history that only grows, of which the last word on each subject counts."""

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from search_app.errors import BadRequest
from search_app.judgements.database import FILE_NAME, Database
from search_app.judgements.values import Filter, Judgement, PictureName, Recorded

_COLUMNS = "uuid, assessor, source, kind, verdict, query, content_hash, path, grade, categories, round_id, made_at, seq"
# One subject is judged by one person from one source; the row with the highest seq is what counts.
CURRENT = """
    NOT EXISTS (
        SELECT 1 FROM judgement AS later
        WHERE later.kind = judgement.kind AND later.query = judgement.query
          AND later.content_hash = judgement.content_hash AND later.assessor = judgement.assessor
          AND later.source = judgement.source AND later.seq > judgement.seq
    )"""
ASKED = """
    (query, content_hash) IN (
        SELECT round_query.query, round_picture.content_hash
        FROM round_query JOIN round_picture USING (round_id, place) WHERE round_query.round_id = ?
    )"""
_PAGE = 1_000


class JudgementStore:
    """Judgements beside the index in `folder`; safe to call from several threads and processes.

    Nothing is opened or made before it is needed. Everything raises `JudgementError` where the file cannot be used.
    `spell_path` writes a path as one word of a TREC file, whose room is a stranger to this one.
    """

    def __init__(self, folder: Path, spell_path: Callable[[str], str]) -> None:
        self.database = Database(folder / FILE_NAME)
        self.spell_path = spell_path

    def add(self, judgements: Sequence[Judgement]) -> list[Recorded]:
        """Store all or none; when this returns they survive a kill and a power cut.

        One that is stored already is not stored again. Raises `BadRequest` where its uuid belongs to another one.
        """
        with self.database.writing() as connection:
            return [self._add_one(connection, judgement) for judgement in judgements]

    def find(self, wanted: Filter, *, limit: int | None = None, after: int = 0) -> list[Recorded]:
        """Judgements in the order they were made, from the first with `seq` above `after`."""
        conditions, values = _conditions(wanted)
        with self.database.reading() as connection:
            if connection is None:
                return []
            statement = (
                f"SELECT {_COLUMNS}, {CURRENT} AS current FROM judgement "  # noqa: S608  # made of constants
                f"WHERE seq > ? AND {' AND '.join(conditions)} ORDER BY seq LIMIT ?"
            )
            rows = connection.execute(statement, (after, *values, -1 if limit is None else limit))
            return [_recorded(row) for row in rows]

    def each(self, wanted: Filter) -> Iterator[Recorded]:
        """All of `find`, read a page at a time."""
        after = 0
        while page := self.find(wanted, limit=_PAGE, after=after):
            yield from page
            after = page[-1].seq

    def count(self, wanted: Filter) -> int:
        """How many `find` would give."""
        conditions, values = _conditions(wanted)
        with self.database.reading() as connection:
            if connection is None:
                return 0
            statement = f"SELECT count(*) FROM judgement WHERE {' AND '.join(conditions)}"  # noqa: S608
            return int(connection.execute(statement, values).fetchone()[0])

    def picture_named(self, content_hash: str) -> PictureName | None:
        """A picture of this content that was judged or is in a round."""
        with self.database.reading() as connection:
            if connection is None:
                return None
            statement = (
                "SELECT path FROM judgement WHERE content_hash = :hash UNION ALL "
                "SELECT path FROM round_picture WHERE content_hash = :hash LIMIT 1"
            )
            row = connection.execute(statement, {"hash": content_hash}).fetchone()
            return PictureName(content_hash, row[0]) if row else None

    def close(self) -> None:
        """Give the file back; the next use opens it again."""
        self.database.close()

    def _add_one(self, connection: sqlite3.Connection, judgement: Judgement) -> Recorded:
        select = f"SELECT {_COLUMNS}, {CURRENT} AS current FROM judgement WHERE uuid = ?"  # noqa: S608
        known = connection.execute(select, (judgement.uuid,)).fetchone()
        if known is None:
            names = _COLUMNS.removesuffix(", seq")
            marks = ", ".join("?" * len(names.split(",")))
            connection.execute(f"INSERT INTO judgement ({names}) VALUES ({marks})", _row(judgement))  # noqa: S608
            known = connection.execute(select, (judgement.uuid,)).fetchone()
        recorded = _recorded(known)
        # Between two tries of one caller the picture may have been renamed.
        sent_again = replace(judgement, picture=replace(judgement.picture, path=recorded.judgement.picture.path))
        if recorded.judgement != sent_again:
            raise BadRequest(f"uuid {judgement.uuid} was used for another judgement before: make a new one", "uuid")
        return recorded


def now() -> str:
    """UTC, ISO 8601, in milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _row(judgement: Judgement) -> tuple[object, ...]:
    return (
        judgement.uuid,
        judgement.assessor,
        judgement.source,
        judgement.kind,
        judgement.verdict,
        judgement.query,
        judgement.picture.content_hash,
        judgement.picture.path,
        judgement.grade,
        json.dumps(judgement.categories, ensure_ascii=False),
        judgement.round_id,
        now(),
    )


def _recorded(row: Sequence[Any]) -> Recorded:
    *said, made_at, seq, current = row
    uuid, assessor, source, kind, verdict, query, content_hash, path, grade, categories, round_id = said
    judgement = Judgement(
        uuid=uuid,
        assessor=assessor,
        picture=PictureName(content_hash, path),
        query=query,
        grade=grade,
        categories=tuple(json.loads(categories)),
        kind=kind,
        verdict=verdict,
        source=source,
        round_id=round_id,
    )
    return Recorded(seq, made_at, judgement, current=bool(current))


def _conditions(wanted: Filter) -> tuple[list[str], list[object]]:
    fields: dict[str, object] = {
        "query": wanted.query,
        "assessor": wanted.assessor,
        "content_hash": wanted.content_hash,
        "source": wanted.source,
        "kind": wanted.kind,
        "round_id": wanted.round_id,
    }
    given = {name: value for name, value in fields.items() if value is not None}
    conditions, values = [f"{name} = ?" for name in given], list(given.values())
    if wanted.asked_by is not None:
        conditions.append(ASKED)
        values.append(wanted.asked_by)
    if not wanted.history:
        conditions.append(f"{CURRENT} AND verdict != 'withdrawn'")
    return [*conditions, "TRUE"], values
