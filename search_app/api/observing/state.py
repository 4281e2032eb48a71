"""What is looked up when metrics are asked for: the model, the index and its age, and what drift is compared with."""

from collections.abc import Callable, Iterable, Iterator

from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from search_app import __version__
from search_app.datatypes import Manifest
from search_app.errors import VectorIndexError
from search_app.index.deadline import allowance
from search_app.search.baseline import NO_MATCH, Baselines
from search_app.search.service import SearchService

_PATIENCE_S = 2.0
"""For an index on a server: a scrape has ten seconds by default."""
_QUANTILES = (0.1, 0.5, 0.9)


class State(Collector):
    """The state of the services that are open, read anew each time."""

    def __init__(self, services: Callable[[], Iterable[SearchService]], most_at_once: int) -> None:
        """`most_at_once` is how many searches run at the same time in one process."""
        self._services, self._most = services, most_at_once
        self._baselines = Baselines()

    def close(self) -> None:
        """Begin nothing any more."""
        self._baselines.close()

    def collect(self) -> Iterator[Metric]:
        """Everything; an index that cannot be read now says so in `search_index_up` and is left out of the rest."""
        yield InfoMetricFamily("search_build", "This program", {"version": __version__})
        yield GaugeMetricFamily("search_turns_limit", "Searches that run at the same time in one process", self._most)
        up = True
        model = InfoMetricFamily("search_model", "The models that answer", labels=("collection", "model"))
        families = _Families()
        told: set[tuple[str, str]] = set()
        for service in self._services():
            manifest = _manifest(service)
            spec = service.encoder.spec
            name = manifest.collection if manifest else ""
            if (name, spec.name) in told:  # while an alias is switched a collection may be open twice
                continue
            told.add((name, spec.name))
            model.add_metric(
                (name, spec.name), {"device": spec.device, "precision": spec.precision, "dim": str(spec.dim)}
            )
            if manifest is None:
                up = False
                continue
            families.add(manifest)
            baseline = self._baselines.of(service, manifest)
            for quantile, score in zip(_QUANTILES, baseline.quantiles(_QUANTILES) if baseline else (), strict=False):
                families.baseline.add_metric((manifest.collection, manifest.model, f"{quantile:g}"), score)
        yield GaugeMetricFamily("search_index_up", "Whether every open index can be read", int(up))
        yield model
        yield from families.all()
        expected = GaugeMetricFamily(
            "search_baseline_no_match_ratio", "Share of no_match where relevance was calibrated", labels=("answerable",)
        )
        for answerable, share in NO_MATCH.items():
            expected.add_metric((answerable,), share)
        yield expected


class _Families:
    """What is told of each collection."""

    def __init__(self) -> None:
        labels = ("collection", "model")
        self.baseline = GaugeMetricFamily(
            "search_baseline_top_score",
            "Quantiles of what everyday sentences score at best in this collection",
            labels=(*labels, "quantile"),
        )
        self._pictures = GaugeMetricFamily("search_index_pictures", "Pictures that can be found", labels=labels)
        self._generation = GaugeMetricFamily("search_index_generation", "Grows with every commit", labels=labels)
        self._committed = GaugeMetricFamily(
            "search_index_last_commit_timestamp_seconds", "When the last commit was made", labels=labels
        )

    def add(self, manifest: Manifest) -> None:
        """Tell what a manifest says."""
        labels = (manifest.collection, manifest.model)
        self._pictures.add_metric(labels, manifest.count)
        self._generation.add_metric(labels, manifest.generation)
        if manifest.committed_at:  # an index of an older version does not say
            self._committed.add_metric(labels, manifest.committed_at)

    def all(self) -> Iterator[Metric]:
        """Everything that was told."""
        yield from (self._pictures, self._generation, self._committed, self.baseline)


def _manifest(service: SearchService) -> Manifest | None:
    try:
        with allowance(_PATIENCE_S):
            return service.reader.manifest()
    except VectorIndexError:
        return None
