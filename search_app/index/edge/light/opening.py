"""Whether a few changes can be committed as a delta, and what of the collection is kept in memory for the next ones."""

import threading
from typing import Self

from search_app.datatypes import EncoderSpec
from search_app.index.edge import full_disk, garbage
from search_app.index.edge.deltas import nothing, read_delta
from search_app.index.edge.export import POINTS, is_good
from search_app.index.edge.generations import MANIFEST, CollectionFolder, Ground
from search_app.index.edge.light.lookup import ExportLookup
from search_app.index.edge.light.writer import LightWriter, Start
from search_app.index.edge.writer import EdgeWriter
from search_app.index.files import signature_of
from search_app.index.graph import Shape
from search_app.index.manifest import read_record


class LastExport:
    """The export that was looked up in last: to check and to read it takes longer than to commit a few changes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: tuple[object, ExportLookup] | None = None

    def __reduce__(self) -> tuple[type[Self], tuple[()]]:
        """Another process looks for itself."""
        return type(self), ()

    def of(self, ground: Ground) -> ExportLookup | None:
        """That of a whole generation; None where it has none that is unharmed, or no points."""
        if not ground.record.final or not ground.record.manifest.count:
            return None
        signature = signature_of(ground.path / POINTS)
        if signature is None:
            return None
        key = (ground.path, signature)
        with self._lock:
            if self._last is None or self._last[0] != key:
                self._last = None
                if is_good(ground.path, ground.record.export):
                    self._last = key, ExportLookup(ground.path)
            return self._last[1] if self._last else None


def open_light(
    place: CollectionFolder, spec: EncoderSpec, folder: str, shape: Shape, exports: LastExport
) -> LightWriter | EdgeWriter:
    """Become the one writer, for a few changes; raises what `EdgeWriter` raises.

    It is the other kind of writer where there is nothing to make a delta of, or an interrupted run to go on with.
    """
    with full_disk.told(place.path):
        lock = place.lock_for_writing()
        try:
            place.find_current_again()
            garbage.sweep(place)
            start = _start(place, exports)
            if start is not None:
                return LightWriter(place, spec, folder, shape, lock, start)
            return EdgeWriter(place, spec, folder, rebuild=False, shape=shape, lock=lock)
        except BaseException:
            lock.release()
            raise


def _start(place: CollectionFolder, exports: LastExport) -> Start | None:
    current = place.current()
    if current is None or place.part().exists():
        return None
    record = read_record(current / MANIFEST)
    ground = place.ground(current, record)
    export = exports.of(ground)
    if export is None:
        return None
    return Start(ground, record, read_delta(current, record) if record.whole else nothing(record.manifest.dim), export)
