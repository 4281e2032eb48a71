"""One SQLite file in WAL mode that survives kill -9 and power loss, shared by threads and processes."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import RLock

from search_app.errors import JudgementError
from search_app.wal import turn_to_wal

FILE_NAME = "judgements.sqlite"
SCHEMA_VERSION = 1
_APPLICATION_ID = 0x4A554447
"""`JUDG`, so that another program's database is not taken for ours."""
_WAIT_SECONDS = 20.0
"""For other processes that write."""
_SCHEMA = """
CREATE TABLE judgement (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    uuid TEXT NOT NULL UNIQUE,
    made_at TEXT NOT NULL,
    assessor TEXT NOT NULL,
    source TEXT NOT NULL CHECK (source IN ('judging', 'thumb')),
    kind TEXT NOT NULL CHECK (kind IN ('grade', 'category')),
    verdict TEXT NOT NULL CHECK (verdict IN ('graded', 'skipped', 'withdrawn')),
    query TEXT NOT NULL,
    content_hash TEXT NOT NULL,
    path TEXT NOT NULL,
    grade INTEGER CHECK (grade IN (0, 1, 2)),
    categories TEXT NOT NULL,
    round_id TEXT NOT NULL
);
CREATE INDEX judgement_subject ON judgement (query, content_hash, kind, assessor, source, seq);
CREATE INDEX judgement_picture ON judgement (content_hash);
CREATE TABLE round (
    id TEXT PRIMARY KEY,
    made_at TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('grade', 'category')),
    seed INTEGER NOT NULL,
    depth INTEGER NOT NULL,
    categories TEXT NOT NULL,
    pooled_from TEXT NOT NULL
);
CREATE TABLE round_query (
    round_id TEXT NOT NULL REFERENCES round (id),
    place INTEGER NOT NULL,
    qid TEXT NOT NULL,
    query TEXT NOT NULL,
    PRIMARY KEY (round_id, place)
);
CREATE TABLE round_picture (
    round_id TEXT NOT NULL,
    place INTEGER NOT NULL,
    content_hash TEXT NOT NULL,
    path TEXT NOT NULL,
    PRIMARY KEY (round_id, place, content_hash),
    FOREIGN KEY (round_id, place) REFERENCES round_query (round_id, place)
);
CREATE INDEX round_picture_hash ON round_picture (content_hash)
"""
_CREATE = (
    *_SCHEMA.split(";"),
    f"PRAGMA application_id = {_APPLICATION_ID}",
    f"PRAGMA user_version = {SCHEMA_VERSION}",
)


class Database:
    """Opened when first needed; safe to call from several threads. A file that vanishes is noticed, not written to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = RLock()
        self._connection: sqlite3.Connection | None = None
        self._inode = -1

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection | None]:
        """A connection, or None while nothing was ever stored: reading makes no file."""
        with self._lock, self._plainly("read"):
            if not self.path.exists():
                self.close()
                yield None
                return
            connection = self._open()
            # One snapshot for all the block reads, whatever other processes write meanwhile.
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                connection.rollback()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A connection in a transaction, which is on the disk when the `with` block ends well."""
        with self._lock, self._plainly("written"):
            connection = self._open()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.rollback()
                raise
            connection.commit()

    def close(self) -> None:
        """Give the file back; the next use opens it again."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection = None

    def _open(self) -> sqlite3.Connection:
        if self._connection is not None and self._inode == self._inode_now():
            return self._connection
        self.close()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(
            self.path, timeout=_WAIT_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        self._connection, self._inode = connection, self._inode_now()
        return connection

    def _inode_now(self) -> int:
        try:
            return self.path.stat().st_ino
        except FileNotFoundError:
            return -1

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA foreign_keys = ON")
        if self._is_new(connection, "BEGIN"):
            turn_to_wal(connection, _WAIT_SECONDS)
            self._is_new(connection, "BEGIN IMMEDIATE", then=_CREATE)
        # FULL: a commit in WAL mode waits for the disk, else a power cut could take the last ones back.
        connection.execute("PRAGMA synchronous = FULL")

    def _is_new(self, connection: sqlite3.Connection, begin: str, then: Sequence[str] = ()) -> bool:
        """Whether the file is empty, and `then` is done in the same transaction.

        Raises `JudgementError` for a file this version cannot use.
        """
        connection.execute(begin)
        try:
            [version] = connection.execute("PRAGMA user_version").fetchone()
            [application] = connection.execute("PRAGMA application_id").fetchone()
            [tables] = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            if version == tables == 0:
                for statement in then:
                    connection.execute(statement)
                connection.commit()
                return True
        finally:
            connection.rollback()
        if application != _APPLICATION_ID:
            raise JudgementError(f"{self.path} is a database of another program: move it away; nothing was changed")
        if version > SCHEMA_VERSION:
            raise JudgementError(
                f"{self.path} has version {version} of the store of judgements, this program knows {SCHEMA_VERSION}: "
                f"use the newer program that wrote it; nothing was changed"
            )
        return False

    @contextmanager
    def _plainly(self, what: str) -> Iterator[None]:
        """Failures of disk and database as one sentence."""
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            with suppress(sqlite3.Error):
                self.close()
            reason = error.strerror if isinstance(error, OSError) and error.strerror else error
            raise JudgementError(
                f"judgements cannot be {what}: {self.path}: {reason}; SEARCH_INDEX_DIR must be a folder this "
                f"program may write to, with free space"
            ) from error
