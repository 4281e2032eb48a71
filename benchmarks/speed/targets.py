"""Every target of speed and size that a kept result speaks of, what was measured, and whether that reaches it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from benchmarks.speed import results

Figures: TypeAlias = Mapping[str, Any]
_HTTP = "`GET /search` with `lite`, 65,536 pictures"


@dataclass(frozen=True)
class Target:
    """What is aimed at."""

    what: str
    bound: float
    unit: str
    result: str
    """Name of the benchmark whose figures tell."""
    measured: Callable[[Figures], float]
    is_least: bool = False
    """Whether `bound` is the least that is wanted, not the most."""

    def row(self) -> str:
        """A line of the table."""
        value = self.measured(results.read(self.result).figures)
        reached = value >= self.bound if self.is_least else value <= self.bound
        sign = ">=" if self.is_least else "<="
        wanted = f"{sign} {self.bound:,g}{self.unit}"
        figure = f"{value:,.0f}" if value >= 1_000 else f"{value:.4g}"
        return f"| {self.what} | {wanted} | {figure}{self.unit} | {'yes' if reached else '**no**'} | {self.result} |"


def _at(*path: str | int, per: float = 1) -> Callable[[Figures], float]:
    """The figure at the end of these keys, divided by `per`."""

    def measured(figures: Figures) -> float:
        found: Any = figures
        for key in path:
            found = found[key]
        return float(found) / per

    return measured


def _worst_filtered(figures: Figures) -> float:
    return min(one["recall"] for one in figures["sweep"])


def _taken(figures: Figures) -> float:
    [shape] = [one for one in figures["shapes"] if one["shape"]["name"] == "m32-int8"]
    [asked] = [one for one in shape["asked"] if one["asking"]["ef"] == 512]
    return float(asked["sentences"]["recall"])


def _linear(figures: Figures) -> float:
    """How much longer a picture takes to a million than to the size before."""
    before, last = (
        sum(one[part] for part in ("upsert_s", "copy_s", "commit_s", "final_commit_s")) / one["added"]
        for one in figures["sizes"][-2:]
    )
    return float(last / before)


TARGETS = (
    Target(f"{_HTTP}, new: p50", 10, " ms", "query", _at("requests", "lite GET", "p50")),
    Target(f"{_HTTP}, new: p99", 25, " ms", "query", _at("requests", "lite GET", "p99")),
    Target(f"{_HTTP}, asked again: p50", 2, " ms", "query", _at("requests", "lite GET again", "p50")),
    Target(
        "the same with ViT-B/32 on torch, times the plain way",
        5,
        "",
        "query",
        _at("requests", "ViT-B/32 GET", "ratio", "median"),
        is_least=True,
    ),
    Target(
        "new questions a second",
        200,
        "",
        "serving",
        _at("loads", "`GET /search`, never asked before", "per_second"),
        is_least=True,
    ),
    Target(
        "repeated ones a second",
        1_500,
        "",
        "serving",
        _at("loads", "`GET /search`, asked again", "per_second"),
        is_least=True,
    ),
    Target(
        "p99 of answers at twice the sustainable rate, over normal",
        3,
        " times",
        "overload",
        lambda figures: max(float(one["p99_times"]) for one in figures["kinds"].values()),
    ),
    Target("`import search_app.main`", 0.8, " s", "start", _at("imports", "ours", "p50", per=1000)),
    Target("ready, 73 pictures", 2, " s", "start", _at("services", "73", "ready", "p50", per=1000)),
    Target("ready, 65,536 pictures", 2, " s", "start", _at("services", "65,536", "ready", "p50", per=1000)),
    Target("resident, 73 pictures", 350, " MB", "start", _at("services", "73", "asked_mb", "rss")),
    Target(
        "resident, 65,536 pictures, without pages of files",
        350,
        " MB",
        "start",
        _at("services", "65,536", "asked_mb", "anonymous"),
    ),
    Target(
        "`lite`: pictures indexed a second",
        45,
        "",
        "indexing",
        _at("lite", "per_second", "index"),
        is_least=True,
    ),
    Target(
        "`lite`: of what its tower does alone",
        0.9,
        "",
        "indexing",
        _at("lite", "share_of_tower"),
        is_least=True,
    ),
    Target(
        "ViT-B/32 in fp32 on AVX2: times the plain way",
        2,
        "",
        "indexing",
        lambda figures: figures["ViT-B-32"]["ms"]["plain way"]["p50"] / figures["ViT-B-32"]["ms"]["index"]["p50"],
        is_least=True,
    ),
    Target(
        "ViT-B/32 on an H200: its tower, pictures a second",
        40_000,
        "",
        "gpu",
        lambda figures: max(one["tower"] for one in figures["batches"].values()),
        is_least=True,
    ),
    Target("the same, files of JPEG, 16 cores", 10_000, "", "gpu", _at("ways", "ours"), is_least=True),
    Target(
        "second run over 100,000 unchanged files",
        10,
        " s",
        "unchanged",
        _at("seconds", "p50", per=1000),
    ),
    Target("recall@10 of sentences, 65,536 pictures", 0.99, "", "index_sweep", _taken, is_least=True),
    Target("the same, 1,048,576", 0.99, "", "growth", _at("sizes", -1, "recall"), is_least=True),
    Target("recall@10 with filters, the worst", 0.98, "", "filtered", _worst_filtered, is_least=True),
    Target("a search of the engine, 1,048,576: p50", 10, " ms", "growth", _at("sizes", -1, "p50_ms")),
    Target("a picture's time at a million, over that at 262,144", 1.25, " times", "growth", _linear),
)


def table() -> str:
    """Markdown."""
    head = "| | target | measured | reached | by `python -m benchmarks` |\n|---|---|---|---|---|"
    return "\n".join([head, *(target.row() for target in TARGETS)])
