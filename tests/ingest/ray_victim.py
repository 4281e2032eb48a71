"""Indexes a folder with Ray and says how far it is; to be killed. Arguments: folder, index folder."""

import sys
from pathlib import Path

from search_app.index.edge.store import EdgeStore
from search_app.ingest.engine import IngestOptions
from search_app.ingest.pipeline import run_ingest
from search_app.ingest.ray_engine import Cluster, RayEngine
from tests.ingest.ray_encoder import SlowStub


def tell(done: int, _total: int, _skipped: int) -> None:
    """A line for whoever waits to kill."""
    sys.stdout.write(f"{done}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    cluster = Cluster(SlowStub, actors=1, object_store_bytes=80 * 2**20)
    run_ingest(
        Path(sys.argv[1]),
        SlowStub(),
        EdgeStore(Path(sys.argv[2]), "images"),
        IngestOptions(10**6),
        tell,
        lambda *parts: RayEngine(*parts, cluster),
    )
