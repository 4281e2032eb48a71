"""Indexes a folder with an encoder that dies of pictures of one colour. Arguments: folder, index folder, notes."""

import sys
from pathlib import Path

from search_app.index.edge.store import EdgeStore
from search_app.ingest.engine import IngestOptions
from search_app.ingest.pipeline import run_ingest
from tests.ingest.ray_encoder import Deadly, prepare_or_die


class DeadlyDecoder(Deadly):
    """Decodes in this process as it would in another one."""

    prepare = staticmethod(prepare_or_die)


if __name__ == "__main__":
    folder, index_dir, notes = map(Path, sys.argv[1:])
    options = IngestOptions(10**6, workers=2, in_flight=notes)
    report = run_ingest(folder, DeadlyDecoder(), EdgeStore(index_dir, "images"), options, lambda *_: None)
    for skipped in report.skipped:
        sys.stdout.write(f"{skipped.path!a}: {skipped.reason}\n")
    sys.stdout.write(f"{report.indexed} indexed, {report.total} held\n")
