"""Indexes a folder on a Ray that runs and tells how far it is; to be killed. Arguments: folder, index, address."""

import sys
from pathlib import Path

from search_app.index.edge.store import EdgeStore
from search_app.ingest.engine import IngestOptions
from search_app.ingest.on_ray.cluster import Cluster
from search_app.ingest.on_ray.pictures import RayEngine
from search_app.ingest.pipeline import run_ingest
from tests.ingest.ray_encoder import SlowStub


def tell(done: int, _total: int, _skipped: int) -> None:
    """A line for whoever waits to kill."""
    sys.stdout.write(f"{done}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    cluster = Cluster(sys.argv[3], actors=1)
    run_ingest(
        Path(sys.argv[1]),
        SlowStub(),
        EdgeStore(Path(sys.argv[2]), "images"),
        IngestOptions(10**6),
        tell,
        lambda *parts: RayEngine(*parts, cluster=cluster, open_encoder=SlowStub),
    )
