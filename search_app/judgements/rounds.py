"""Rounds of judging in the store: made once, then gone through by each assessor in an order of their own."""

import json
import sqlite3
from hashlib import blake2b
from itertools import groupby

from search_app.errors import JudgementError, NotFound
from search_app.judgements.store import ASKED, CURRENT, JudgementStore, now
from search_app.judgements.values import (
    MAX_CATEGORIES,
    MAX_CATEGORY,
    MAX_QUERY,
    Filter,
    PictureName,
    Recorded,
    Round,
    RoundItem,
    RoundQuery,
    Verdict,
)

Subject = tuple[str, str]
"""A query and the content of a picture."""


class Rounds:
    """The rounds of a store; safe to call from several threads and processes."""

    def __init__(self, store: JudgementStore) -> None:
        self._store = store

    def add(self, made: Round) -> None:
        """Store a round; raises `JudgementError` where it has nothing to judge, or what no judgement could say."""
        if not made.size:
            raise JudgementError(f"round {made.id}: there is nothing to judge in it")
        _check_words(made)
        with self._store.database.writing() as connection:
            if connection.execute("SELECT 1 FROM round WHERE id = ?", (made.id,)).fetchone():
                raise _taken(made.id)
            connection.execute(
                "INSERT INTO round VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    made.id,
                    now(),
                    made.name,
                    made.kind,
                    made.seed,
                    made.depth,
                    json.dumps(made.categories, ensure_ascii=False),
                    json.dumps(made.pooled_from, ensure_ascii=False),
                ),
            )
            for place, query in enumerate(made.queries):
                connection.execute(
                    "INSERT INTO round_query VALUES (?, ?, ?, ?)", (made.id, place, query.qid, query.text)
                )
                pictures = {each.content_hash: each for each in query.pictures}.values()
                connection.executemany(
                    "INSERT INTO round_picture VALUES (?, ?, ?, ?)",
                    [(made.id, place, each.content_hash, each.path) for each in pictures],
                )

    def refuse_taken(self, round_id: str) -> None:
        """Raise `JudgementError` where there is such a round already."""
        if self.has(round_id):
            raise _taken(round_id)

    def has(self, round_id: str) -> bool:
        """Whether there is such a round."""
        with self._store.database.reading() as connection:
            found = connection and connection.execute("SELECT 1 FROM round WHERE id = ?", (round_id,)).fetchone()
            return bool(found)

    def get(self, round_id: str) -> Round:
        """One round; raises `NotFound`."""
        with self._store.database.reading() as connection:
            row = connection and connection.execute(f"{_ROUND} WHERE id = ?", (round_id,)).fetchone()
            if not connection or not row:
                raise NotFound(f"there is no round {round_id!r}")
            return _round(connection, row)

    def all(self) -> list[Round]:
        """Every round, newest first."""
        with self._store.database.reading() as connection:
            if connection is None:
                return []
            rows = connection.execute(f"{_ROUND} ORDER BY made_at DESC, id").fetchall()
            return [_round(connection, row) for row in rows]

    def items(self, of: Round, assessor: str) -> list[RoundItem]:
        """All pictures of a round in this assessor's order, with what they said.

        Queries keep their places, so that assessors who stop early have judged the same ones; the pictures of each
        are shuffled, by seed and assessor, so that no system's order shows. A grade given in another round counts
        here too, a skip does not.
        """
        said = self._said(of, assessor)
        return [
            RoundItem(query, picture, said.get((query.text, picture.content_hash)))
            for query in of.queries
            for picture in sorted(query.pictures, key=lambda each: _draw(of.seed, assessor, query.text, each))
        ]

    def verdicts(self, of: Round) -> dict[str, dict[Subject, Verdict]]:
        """Who has said what: assessor to query and content to verdict, as `items` has it, without the grades.

        Everybody who judged any of what this round asks, here or in another round or by an import.
        """
        found: dict[str, dict[Subject, Verdict]] = {}
        with self._store.database.reading() as connection:
            rows = connection.execute(_VERDICTS, (of.kind, of.id, of.id)) if connection else ()
            for assessor, query, content, verdict in rows:
                found.setdefault(assessor, {})[query, content] = verdict
        return found

    def _said(self, of: Round, assessor: str) -> dict[Subject, Recorded]:
        found = self._store.find(Filter(assessor=assessor, source="judging", kind=of.kind, asked_by=of.id))
        return {
            (each.judgement.query, each.judgement.picture.content_hash): each
            for each in found
            if each.judgement.verdict == "graded" or each.judgement.round_id == of.id
        }


_VERDICTS = f"""
    SELECT assessor, query, content_hash, verdict FROM judgement
    WHERE kind = ? AND source = 'judging' AND {ASKED} AND {CURRENT}
      AND (verdict = 'graded' OR (verdict = 'skipped' AND round_id = ?)) ORDER BY assessor
"""  # noqa: S608  # made of constants
_ROUND = "SELECT id, made_at, name, kind, seed, depth, categories, pooled_from FROM round"


def _round(connection: sqlite3.Connection, row: tuple[str, str, str, str, int, int, str, str]) -> Round:
    round_id, made_at, name, kind, seed, depth, categories, pooled_from = row
    rows = connection.execute(
        "SELECT place, qid, query, content_hash, path FROM round_query JOIN round_picture USING (round_id, place) "
        "WHERE round_id = ? ORDER BY place, round_picture.rowid",
        (round_id,),
    )
    queries = tuple(
        RoundQuery(qid, text, tuple(PictureName(digest, path) for *_, digest, path in group))
        for (_, qid, text), group in groupby(rows, key=lambda each: each[:3])
    )
    return Round(
        id=round_id,
        name=name,
        kind="category" if kind == "category" else "grade",
        queries=queries,
        seed=seed,
        categories=tuple(json.loads(categories)),
        pooled_from=tuple(json.loads(pooled_from)),
        depth=depth,
        made_at=made_at,
    )


def _taken(round_id: str) -> JudgementError:
    return JudgementError(f"there is a round {round_id} already: choose another name")


def _check_words(made: Round) -> None:
    """Raise where a judgement of this round would be refused by `Judgement`, whose limits these are."""
    if made.kind == "grade" and not all(0 < len(query.text) <= MAX_QUERY for query in made.queries):
        raise JudgementError(f"round {made.id}: a query has 1 to {MAX_QUERY} characters")
    if len(made.categories) > MAX_CATEGORIES or any(not 0 < len(name) <= MAX_CATEGORY for name in made.categories):
        raise JudgementError(
            f"round {made.id}: {MAX_CATEGORIES} categories at most, each of 1 to {MAX_CATEGORY} characters"
        )


def _draw(seed: int, assessor: str, query: str, picture: PictureName) -> bytes:
    """A number that sorts like a shuffle and is the same on every machine and version."""
    return blake2b(f"{seed}\0{assessor}\0{query}\0{picture.content_hash}".encode(), digest_size=16).digest()
