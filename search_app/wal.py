"""SQLite's WAL mode: what is kept in one file for threads and processes, judgements and words that were read."""

import sqlite3
import time

_AGAIN_SECONDS = 0.01


def turn_to_wal(connection: sqlite3.Connection, wait_seconds: float) -> None:
    """Turn a new file to WAL mode; unlike other statements this one does not wait where others have the file open.

    Raises `sqlite3.OperationalError` where that took longer than `wait_seconds`.
    """
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(_AGAIN_SECONDS)
        else:
            return
