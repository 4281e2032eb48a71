"""The file of judgements examined without changing it."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from search_app.judgements.database import FILE_NAME

_ATTEMPTS = 3


def fault_of(index_dir: Path, scratch: Path) -> str | None:
    """What SQLite's own check finds wrong with the judgements; empty where nothing is, None where there are none.

    It looks at a copy in the folder `scratch`: opening a database in WAL mode writes beside it.
    """
    file = index_dir / FILE_NAME
    if not file.exists():
        return None
    fault = ""
    for _ in range(_ATTEMPTS):  # what is written while it is copied is copied in pieces
        fault = _fault(file, scratch / FILE_NAME)
        if not fault:
            break
    return fault


def _fault(file: Path, copy: Path) -> str:
    try:
        for ending in ("", "-wal"):
            source, target = Path(f"{file}{ending}"), Path(f"{copy}{ending}")
            target.unlink(missing_ok=True)
            if source.exists():
                shutil.copyfile(source, target)
        with closing(sqlite3.connect(copy)) as connection:
            found = [str(row[0]) for row in connection.execute("PRAGMA quick_check(3)")]
    except (OSError, sqlite3.Error) as error:
        return str(error)
    return "" if found == ["ok"] else "; ".join(found)
