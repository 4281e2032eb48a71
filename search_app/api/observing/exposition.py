"""`/metrics` as text: what was counted in this process or in all workers, and the state of the moment."""

import gzip
import os
from pathlib import Path

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from search_app.api.observing.metrics import Metrics
from search_app.api.observing.observing import FOLDER


class Exposition:
    """Writes all metrics of a service. With several workers whichever is asked tells the sums over all of them.

    What is looked up at that moment, the state of the index, is told of the worker that was asked: all have the same.
    Facts about a process (memory, open files, garbage) are told where there is one process only, for they would be of
    another one each time.
    """

    def __init__(self, metrics: Metrics, state: Collector) -> None:
        folder = os.environ.get(FOLDER)
        self._folder = Path(folder) if folder else None
        if self._folder is None:
            self._registry = metrics.registry
            ProcessCollector(registry=self._registry)
            PlatformCollector(registry=self._registry)
            GCCollector(registry=self._registry)
        else:
            self._registry = CollectorRegistry()
            MultiProcessCollector(self._registry, str(self._folder))  # type: ignore[no-untyped-call]
        self._registry.register(state)

    def text(self, accepted: str, encodings: str) -> tuple[bytes, dict[str, str]]:
        """The text, in the form that `accepted` (a header `Accept`) asks for, and the headers that say so."""
        if self._folder is not None:
            _forget_the_dead(self._folder)
        encode, kind = choose_encoder(accepted)
        text = encode(self._registry)
        headers = {"content-type": kind, "vary": "accept, accept-encoding", "cache-control": "no-store"}
        if "gzip" in encodings:
            return gzip.compress(text, 4, mtime=0), headers | {"content-encoding": "gzip"}
        return text, headers


def _forget_the_dead(folder: Path) -> None:
    """Take back what workers that ended had under way; what they had counted stays counted."""
    for file in folder.glob("gauge_live*_*.db"):
        process = int(file.stem.rpartition("_")[2])
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            mark_process_dead(process, str(folder))  # type: ignore[no-untyped-call]
        except PermissionError:
            continue  # it lives, as somebody else
