"""What was read once is not read again: words by the picture's content and by what read them, in one SQLite file.

It is a cache. Whatever is in it can be made again from the pictures, so the remedy for a damaged file is to delete it.
"""

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from search_app.datatypes import PrintedWords, Word
from search_app.errors import WordsError
from search_app.wal import turn_to_wal

FILE_NAME = "words.sqlite"
MAX_RECORD_BYTES = 1024 * 1024
"""The words of one picture, as they are stored; the fullest of 377 adverts takes 12 KB."""
_VERSION = 1
_WAIT_SECONDS = 30.0


class RecordTooLarge(WordsError):
    """More text than is kept for one picture; costs that picture only."""


class WordStore:
    """Words that were read, beside the index in `folder`; safe to call from several threads and processes.

    Nothing is opened or made before it is needed. Everything raises `WordsError` where the file cannot be used.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE_NAME
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    def get(self, content_hash: str, fingerprint: str) -> PrintedWords | None:
        """What the reader of this fingerprint found in a picture of this content; None where it has not read it."""
        statement = "SELECT record FROM words WHERE content_hash = ? AND reader = ?"
        with self._using() as connection:
            row = connection.execute(statement, (content_hash, fingerprint)).fetchone()
        return None if row is None else self._unpack(row[0])

    def put(self, content_hash: str, fingerprint: str, words: PrintedWords) -> None:
        """Keep what was read; when this returns, a kill of this process does not lose it.

        Raises `RecordTooLarge` beyond `MAX_RECORD_BYTES`.
        """
        record = _pack(words)
        if len(record.encode()) > MAX_RECORD_BYTES:
            limit = f"{MAX_RECORD_BYTES // 1024} KiB"
            raise RecordTooLarge(f"more text than is kept for one picture ({limit}); put what matters into NAME.txt")
        with self._using() as connection:
            connection.execute(
                "INSERT INTO words (content_hash, reader, record) VALUES (?, ?, ?) "
                "ON CONFLICT (content_hash, reader) DO UPDATE SET record = excluded.record",
                (content_hash, fingerprint, record),
            )

    def close(self) -> None:
        """Give the file back; the next use opens it again."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    @contextmanager
    def _using(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                if self._connection is None:
                    self._connection = self._open()
                yield self._connection
            except (sqlite3.Error, OSError) as error:
                raise WordsError(self._explain(error)) from error

    def _open(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # Autocommit: each picture is one transaction, so that readers and a second run never wait for long.
        connection = sqlite3.connect(self.path, timeout=_WAIT_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version not in {0, _VERSION}:
            raise WordsError(
                f"{self.path}: made by another version of this program (form {version}, this one knows {_VERSION}); "
                "delete it: it is a cache, the pictures are read again"
            )
        turn_to_wal(connection, _WAIT_SECONDS)
        # A power cut may cost the last pictures, never the file.
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS words (content_hash TEXT NOT NULL, reader TEXT NOT NULL, record TEXT NOT NULL, "
            "PRIMARY KEY (content_hash, reader)) WITHOUT ROWID"
        )
        connection.execute(f"PRAGMA user_version = {_VERSION}")

    def _explain(self, error: sqlite3.Error | OSError) -> str:
        code = getattr(error, "sqlite_errorcode", None)
        if code is not None and code & 0xFF == sqlite3.SQLITE_FULL:
            return f"{self.path}: the disk is full; make room and run again, what was read so far is kept"
        if code is not None and code & 0xFF == sqlite3.SQLITE_BUSY:
            return f"{self.path}: another process has kept it locked for {_WAIT_SECONDS:.0f} s; end it or try again"
        if code is not None and code & 0xFF in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR}:
            return self._damage(str(error))
        return f"{self.path}: cannot be used: {error}; is the folder there, and may this user write to it?"

    def _damage(self, detail: str) -> str:
        return (
            f"{self.path}: is damaged ({detail}); delete it with the files beside it that begin alike: it is a cache, "
            "the pictures are read again"
        )

    def _unpack(self, record: str) -> PrintedWords:
        try:
            content = json.loads(record)
            words = tuple(_word(*item) for item in content["words"])
            return PrintedWords(words, str(content["source"]))
        except (ValueError, TypeError, KeyError) as error:
            raise WordsError(self._damage("a record is not in its form")) from error


def _pack(words: PrintedWords) -> str:
    items = [
        [word.text, None if word.box is None else [round(side, 4) for side in word.box], round(word.confidence, 4)]
        for word in words.words
    ]
    return json.dumps({"source": words.source, "words": items}, ensure_ascii=False, separators=(",", ":"))


def _word(text: str, box: list[float] | None, confidence: float) -> Word:
    if box is None:
        return Word(str(text), None, float(confidence))
    left, top, right, bottom = map(float, box)
    return Word(str(text), (left, top, right, bottom), float(confidence))
