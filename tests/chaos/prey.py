"""An index run that is to be killed; it says what it has done, and can end itself at a chosen moment."""

import os
import signal
import sys
from pathlib import Path
from typing import Any

from search_app.index.edge.store import EdgeStore
from search_app.ingest import pipeline
from search_app.ingest.words_pass import run_words
from tests.chaos.world import MAX_PIXELS, FewAtOnce, ignore, words_parts

INDEXED, READ, MOMENTS = "indexed", "read", "moments"
_DELICATE = {"open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.truncate", "shutil.rmtree"}
"""Audit events of Python before a file operation: https://docs.python.org/3/library/audit_events.html."""


def run(store: EdgeStore, folder: Path, log: Path, moment: int) -> None:
    """Index `folder` as the command does, with commits after some of the batches; `moment` 0 is never.

    Runs in a process group of its own, in a process that was forked from one without threads.
    """
    os.setsid()
    says = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(says, 2)
    moments = _end_at(moment, store.index_dir)
    pipeline.FIRST_COMMIT_SECONDS, pipeline.COMMIT_SHARE = 0.5, 1.0
    encoder = FewAtOnce()
    pipeline.run_ingest(folder, encoder, store, pipeline.IngestOptions(MAX_PIXELS, workers=2), ignore)
    os.write(says, f"{INDEXED}\n".encode())
    parts = words_parts(store.index_dir)
    run_words(folder, parts, encoder.spec, store, ignore)
    parts.close()
    os.write(says, f"{READ}\n{MOMENTS} {moments[0]}\n".encode())


def _end_at(moment: int, index_dir: Path) -> list[int]:
    """Kill the whole group before the file operation of this number in the index; gives a running count of them."""
    seen = [0]
    under = str(index_dir)

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if event in _DELICATE and str(arguments[0]).startswith(under):
            seen[0] += 1
            if seen[0] == moment:
                os.killpg(0, signal.SIGKILL)

    sys.addaudithook(watch)
    return seen
