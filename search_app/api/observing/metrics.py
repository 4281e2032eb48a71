"""What is counted of a service, for Prometheus. Every label has few values: never a query, a path, a key or an id.

Names follow https://prometheus.io/docs/practices/naming/; docs/observing.md lists them all. With several processes the
values lie in files that all of them share: see `exposition`.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

from search_app.search.seen import Lap, Seen

T = TypeVar("T")

REFUSALS = (
    "no_key",
    "unknown_key",
    "scope",
    "other_site",
    "host",
    "rate",
    "head",
    "body",
    "slow",
    "no_turn",
    "no_thread",
    "no_room",
    "keys_unreadable",
    "other",
)
INCIDENTS = ("model_stuck", "model_replaced", "engine_ended", "keys_unreadable")
_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
_REQUEST_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_STAGE_S = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
_COMMIT_S = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
_SCORES = (0, 0.05, 0.1, 0.125, 0.15, 0.175, 0.2, 0.225, 0.25, 0.275, 0.3, 0.325, 0.35, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1)
_TENTHS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1)


class Metrics:
    """The instruments of one application, in a registry of its own; safe to use from several threads.

    Each of `count_...` takes about a microsecond a value: what `labels` gives is kept, for looking it up costs as much
    again.
    """

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each counter that nobody asked for
        self.registry = CollectorRegistry(auto_describe=True)
        self._requests_of: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._queries_of: dict[tuple[str, ...], Counter] = {}
        self._tops_of: dict[tuple[str, ...], tuple[Histogram, Histogram]] = {}
        self._stages_of: dict[tuple[str, ...], Histogram] = {}
        self._open_requests()
        self._open_searches()
        self._open_changes()

    def _open_requests(self) -> None:
        self._requests = self._counter("requests", "Requests answered", "route", "method", "status")
        self._seconds = self._histogram(
            "request_duration_seconds", "Until the answer was sent", _REQUEST_S, "route", "method"
        )
        self.in_progress = self._gauge("requests_in_progress", "Requests not answered yet")
        refused = self._counter("refusals", "Requests turned away, by what for", "reason")
        self.refusals = {reason: refused.labels(reason) for reason in REFUSALS}
        memory = self._counter("memory_answers", "Questions that could be repeated from memory", "result")
        self.memory = {result: memory.labels(result) for result in ("hit", "miss")}
        thumbnails = self._counter("thumbnails", "Thumbnails given", "result")
        self.thumbnails = {result: thumbnails.labels(result) for result in ("hit", "miss")}
        incidents = self._counter("incidents", "What the service had to mend itself", "incident")
        self.incidents = {incident: incidents.labels(incident) for incident in INCIDENTS}

    def _open_searches(self) -> None:
        labels = ("collection", "model", "kind")
        self._queries = self._counter("queries", "Queries answered", *labels, "outcome", "source")
        self._scores = self._histogram("top_score", "Cosine of the best hit of a query", _SCORES, *labels)
        self._relevance = self._histogram("top_relevance", "Relevance of the best hit of a query", _TENTHS, *labels)
        self._stages = self._histogram(
            "stage_duration_seconds", "Stages of a query", _STAGE_S, "stage", "collection", "model"
        )
        self._running = self._gauge("turns_running", "Searches under way")
        self._waiting = self._gauge("turns_waiting", "Searches that wait for their turn")
        self._waited = self._histogram("turn_wait_seconds", "How long searches waited for their turn", _REQUEST_S)

    def _open_changes(self) -> None:
        pictures = self._counter("changed_pictures", "Pictures added and removed over HTTP", "change")
        self.changed = {change: pictures.labels(change) for change in ("added", "removed")}
        self._commits = self._histogram("commit_duration_seconds", "Commits of pictures sent over HTTP", _COMMIT_S)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"search_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(f"search_{name}", text, registry=self.registry, multiprocess_mode="livesum")

    def _histogram(self, name: str, text: str, buckets: Sequence[float], *labels: str) -> Histogram:
        return Histogram(f"search_{name}", text, labels, registry=self.registry, buckets=buckets)

    def count_request(self, route: str, method: str, status: int, seconds: float) -> None:
        """One request, at its end."""
        key = (route, method, status)
        children = self._requests_of.get(key)
        if children is None:
            name = method if method in _METHODS else "other"
            children = self._requests.labels(route, name, str(status)), self._seconds.labels(route, name)
            if name == method:  # what a caller makes up is not kept
                self._requests_of[key] = children
        children[0].inc()
        children[1].observe(seconds)

    def count_query(self, seen: Seen, source: str) -> None:
        """One query, and its stages."""
        where = (seen.collection, seen.model, seen.kind)
        _kept(self._queries_of, (*where, seen.outcome, source), self._queries.labels).inc()
        if seen.top_score is not None:
            score, relevance = _kept(self._tops_of, where, self._tops)
            score.observe(seen.top_score)
            if seen.top_relevance is not None:
                relevance.observe(seen.top_relevance)
        took: dict[str, float] = {}
        for stage, began, ended in seen.laps:
            took[stage] = took.get(stage, 0.0) + ended - began
        for stage, seconds in took.items():
            key = (stage, seen.collection, seen.model)
            _kept(self._stages_of, key, self._stages.labels).observe(seconds)

    def count_laps(self, laps: Sequence[Lap], seen: Sequence[Seen]) -> None:
        """What a request spent beside its searches: waiting for its turn, writing the answer."""
        for stage, began, ended in laps:
            if stage == "wait":
                self._waited.observe(ended - began)
            elif seen:
                key = (stage, seen[-1].collection, seen[-1].model)
                _kept(self._stages_of, key, self._stages.labels).observe(ended - began)

    def count_turns(self, running: int, waiting: int) -> None:
        """How many searches run and wait from now on."""
        self._running.set(running)
        self._waiting.set(waiting)

    def count_commit(self, seconds: float) -> None:
        """One commit of pictures that came over HTTP."""
        self._commits.observe(seconds)

    def _tops(self, *labels: str) -> tuple[Histogram, Histogram]:
        return self._scores.labels(*labels), self._relevance.labels(*labels)


def _kept(children: dict[tuple[str, ...], T], labels: tuple[str, ...], make: Callable[..., T]) -> T:
    child = children.get(labels)
    if child is None:
        child = children[labels] = make(*labels)
    return child
