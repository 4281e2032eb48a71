"""What `/metrics` says, read with the library's own parser."""

from collections.abc import Iterator, Mapping

import httpx
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample


class Scraped:
    """One answer of `/metrics`."""

    def __init__(self, client: httpx.Client) -> None:
        answer = client.get("/metrics")
        assert answer.status_code == 200, answer.text
        self.text = answer.text
        self.families = list(text_string_to_metric_families(answer.text))

    def samples(self, name: str) -> Iterator[Sample]:
        return (sample for family in self.families for sample in family.samples if sample.name == name)

    def total(self, name: str, **labels: str) -> float:
        """The sum of all samples of a name that have these labels."""
        return sum(sample.value for sample in self.samples(name) if labels.items() <= sample.labels.items())

    def by(self, name: str, *labels: str) -> Mapping[tuple[str, ...], float]:
        """Sums by some labels, without those that are 0."""
        sums: dict[tuple[str, ...], float] = {}
        for sample in self.samples(name):
            key = tuple(sample.labels[label] for label in labels)
            sums[key] = sums.get(key, 0) + sample.value
        return {key: value for key, value in sums.items() if value}

    def labels(self) -> dict[str, set[str]]:
        """The labels of every sample, by its name."""
        found: dict[str, set[str]] = {}
        for family in self.families:
            for sample in family.samples:
                found.setdefault(sample.name, set()).update(sample.labels)
        return found
