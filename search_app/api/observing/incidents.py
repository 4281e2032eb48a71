"""Counts what the log tells of the service having mended itself: records with an `event`."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from search_app.api.observing.metrics import Metrics

_logger = logging.getLogger("search_app")


class Incidents(logging.Handler):
    """Counts events that there is a counter for."""

    def __init__(self, metrics: Metrics) -> None:
        super().__init__(logging.WARNING)
        self._metrics = metrics

    def emit(self, record: logging.LogRecord) -> None:
        """Count one."""
        counter = self._metrics.incidents.get(getattr(record, "event", ""))
        if counter is not None:
            counter.inc()


@contextmanager
def counted(metrics: Metrics) -> Iterator[None]:
    """Count incidents as long as this lasts."""
    handler = Incidents(metrics)
    _logger.addHandler(handler)
    try:
        yield
    finally:
        _logger.removeHandler(handler)
