"""Fits `relevance`, and tells what it is worth: `python -m benchmarks.calibration ADS [--index DIR]`.

For each kind of query two logistic functions are fitted: whether the collection has an answer (the slice queries, 39
of which have none), and how likely a hit is relevant (their first 20 hits). Figures are of queries that a fit has not
seen: ten parts, each left out once, drawn five times. Prints the constants of `search/relevance.py`, draws
docs/pictures/relevance.svg and writes the tables to docs/search.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.channels import Channels, asked_ads, read_channels, read_pictures
from benchmarks.fusion import DOCS, only_print, ours
from benchmarks.relevance import ROOT
from benchmarks.tables import put
from search_app.evaluation.label_folder import CollectionLabels, read_label_folder
from search_app.evaluation.slice_data import read_slices
from search_app.search.fusion import WEIGHTS, Scores, dense_evidence
from search_app.search.relevance import LINE, STANDS_OUT

DIAGRAM = ROOT / "docs" / "pictures" / "relevance.svg"
TOP = 20
"""Hits a query that the second function is fitted to."""
PARTS = 10
DRAWS = 5
BINS = 6
ABSENT_COUNTS = 1.5
"""Times that a query without an answer counts when the first function is fitted. How often people ask in vain nobody
knows; with this the line turns away as many absent things as it can while it silences a tenth of the others at most."""
_RIDGE = 1.0


@dataclass(frozen=True)
class Judged:
    """The queries of one kind, with evidence for all pictures and which of them are relevant."""

    evidence: Scores
    """Shape (queries, pictures)."""
    relevant: np.ndarray
    """Shape (queries, pictures)."""
    signs: Scores | None
    """Shape (queries, signs); None where every query has an answer."""
    names: Sequence[str] = ()

    @property
    def answerable(self) -> np.ndarray:
        """Whether anything is relevant, shape (queries,)."""
        return np.asarray(self.relevant.any(axis=1))


@dataclass(frozen=True)
class Fit:
    """Both functions."""

    hit: np.ndarray
    """Slope and offset."""
    query: np.ndarray | None
    """A weight for each sign, and the offset."""

    def relevance(self, judged: Judged, queries: np.ndarray) -> Scores:
        """As `search.relevance` computes it."""
        likely = logistic(self.hit[0] * judged.evidence[queries] + self.hit[1])
        if self.query is None or judged.signs is None:
            return likely
        answerable = logistic(judged.signs[queries] @ self.query[:-1] + self.query[-1])
        least = logistic(np.array([self.hit[0] * STANDS_OUT + self.hit[1]]))
        return answerable[:, None] * likely / np.maximum(likely.max(axis=1, keepdims=True), least)


def main() -> int:
    """Fit, measure, draw and write."""
    with asked_ads(__doc__) as (ads, service):
        paths = service.paths()
        labels = read_label_folder(ads, set(paths.values()))
        words = read_channels(service, [*read_slices().topics.values()])
        known = {str(number): paths[number] for number in sorted(paths) if paths[number] in labels.topics}
        pictures = read_pictures(service, [int(number) for number in known])
    kinds = word_kinds(words) | {"picture": of_pictures(pictures, labels, known)}
    measured = {kind: held_out(judged) for kind, judged in kinds.items()}
    for kind, judged in kinds.items():
        found = fit(judged, np.ones(len(judged.evidence), bool))
        query = None if found.query is None else np.round(found.query, 2)
        print(kind, "hit", np.round(found.hit, 2), "query", judged.names, query)
    put(DOCS, "no match", no_match_table(kinds, measured))
    put(DOCS, "reliability", reliability_table(kinds, measured))
    draw(kinds, measured)
    return 0


def word_kinds(channels: Channels) -> dict[str, Judged]:
    """The slice queries, asked in each of the three ways."""
    slices = read_slices()
    qids = {text: qid for qid, text in slices.topics.items()}
    grades = [slices.qrels.grades.get(qids[text], {}) for text in channels.rows]
    relevant = np.array([[each.get(path, 0) > 0 for path in channels.paths] for each in grades])
    signs = {"unknown": channels.unknown, **{name: np.nanmax(each, 1) for name, each in channels.cosines.items()}}

    def judged(evidence: Scores, *names: str) -> Judged:
        chosen = np.stack([signs[name] for name in names], 1) if names else np.empty((len(evidence), 0))
        return Judged(evidence, relevant, chosen, names)

    pictures = dense_evidence(channels.standing["image"], WEIGHTS.image, channels.sizes["image"])
    together, printed = ours(WEIGHTS)(channels), only_print(channels)
    return {
        "fused": judged(together, "unknown", "meaning", "image"),
        "fused, other model": judged(together, "unknown", "meaning"),
        "only": judged(printed, "unknown", "meaning"),
        "off": judged(pictures),
    }


def of_pictures(channels: Channels, labels: CollectionLabels, paths: Mapping[str, str]) -> Judged:
    """Pictures as queries; relevant are those with the same majority topic, and a picture is no answer to itself."""
    evidence = dense_evidence(channels.standing["image"], WEIGHTS.image, channels.sizes["image"])
    own = np.array([[paths[text] == path for path in channels.paths] for text in channels.rows])
    same = np.array(
        [[labels.topics.get(path) == labels.topics[paths[text]] for path in channels.paths] for text in channels.rows]
    )
    there = (same & ~own).any(axis=1)
    return Judged(np.where(own, -1.0, evidence)[there], (same & ~own)[there], None)


def fit(judged: Judged, inside: np.ndarray) -> Fit:
    """From the queries `inside`.

    The hits of a query count as one relevant and one other hit, so that a query with many relevant pictures does not
    outweigh the rest; where no query is without an answer they count as they are.
    """
    order = np.argsort(-judged.evidence[inside], axis=1, kind="stable")[:, :TOP]
    evidence = np.take_along_axis(judged.evidence[inside], order, 1)
    relevant = np.take_along_axis(judged.relevant[inside], order, 1)
    right = relevant.sum(axis=1, keepdims=True)
    weights = np.where(relevant, 1 / np.maximum(right, 1), 1 / np.maximum(TOP - right, 1))
    if judged.signs is None:
        weights = np.full(evidence.shape, 1 / TOP)
    hit = regress(evidence.reshape(-1, 1), relevant.ravel(), weights.ravel())
    if judged.signs is None:
        return Fit(hit, None)
    answerable = judged.answerable[inside]
    absent = ABSENT_COUNTS if judged.names else 1.0  # where no sign tells them apart it would only lower the others
    return Fit(hit, regress(judged.signs[inside], answerable, np.where(answerable, 1.0, absent)))


def regress(signs: Scores, target: np.ndarray, weights: Scores) -> np.ndarray:
    """Weighted logistic regression with a small ridge on scaled signs, by Newton's steps; the offset comes last."""
    mean, scale = signs.mean(axis=0), np.maximum(signs.std(axis=0), 1e-9)
    design = np.c_[(signs - mean) / scale, np.ones(len(signs))]
    ridge = np.diag([_RIDGE] * signs.shape[1] + [1e-6])
    found = np.zeros(signs.shape[1] + 1)
    for _ in range(50):
        says = logistic(design @ found)
        gradient = design.T @ (weights * (says - target)) + ridge @ found
        found -= np.linalg.solve((design.T * (weights * says * (1 - says))) @ design + ridge, gradient)
    return np.r_[found[:-1] / scale, found[-1] - (found[:-1] * mean / scale).sum()]


def logistic(odds: Scores) -> Scores:
    """0 to 1."""
    return 1 / (1 + np.exp(-np.clip(odds, -60, 60)))


def held_out(judged: Judged) -> list[Scores]:
    """The relevance of every picture for every query by fits that have not seen the query, once for each draw."""
    draws = []
    for seed in range(DRAWS):
        part = np.random.default_rng(seed).permutation(len(judged.evidence)) % PARTS
        relevance = np.empty_like(judged.evidence)
        for number in range(PARTS):
            relevance[part == number] = fit(judged, part != number).relevance(judged, part == number)
        draws.append(relevance)
    return draws


# --- what it is worth


def no_match_table(kinds: Mapping[str, Judged], measured: Mapping[str, Sequence[Scores]]) -> str:
    """What the line costs and saves."""
    head = (
        "| asked | absent: nothing above the line | present: nothing above it | present: nothing relevant above it | "
        "relevant, of what is above it | above it, of what is relevant | AUROC |\n|---|---|---|---|---|---|---|"
    )
    rows = []
    for kind, judged in kinds.items():
        draws = np.array([line_worth(relevance, judged) for relevance in measured[kind]])
        values = [f"{value:.2f}".replace("nan", "") for value in draws.mean(axis=0)]
        rows.append("| " + " | ".join([kind, *values]) + " |")
    return head + "\n" + "\n".join(rows)


def share(values: np.ndarray) -> float:
    """Of what is true; not a number where there is nothing."""
    return float(values.mean()) if len(values) else float("nan")


def line_worth(relevance: Scores, judged: Judged) -> tuple[float, ...]:
    """The columns of `no_match_table` for one draw."""
    best, above = relevance.max(axis=1), relevance >= LINE
    absent, present = best[~judged.answerable], best[judged.answerable]
    lost = ~(above & judged.relevant).any(axis=1)[judged.answerable]
    silences = (share(absent < LINE), share(present < LINE), share(lost))
    return *silences, float(judged.relevant[above].mean()), recall(above, judged), auroc(absent, present)


def recall(above: np.ndarray, judged: Judged) -> float:
    """The mean over queries with an answer of the share of it that is above the line."""
    there = judged.answerable
    return float(((above & judged.relevant).sum(axis=1)[there] / judged.relevant.sum(axis=1)[there]).mean())


def auroc(absent: Scores, present: Scores) -> float:
    """The chance that the best hit of a query with an answer has the higher relevance."""
    return share((present[:, None] > absent).ravel()) if len(absent) else float("nan")


def reliability(judged: Judged, draws: Sequence[Scores]) -> list[tuple[str, list[tuple[float, float, int]]]]:
    """What was said and what was true, in bins of equal size: best hits of queries, and first hits."""
    best = np.concatenate([r.max(axis=1) for r in draws])
    there = np.tile(judged.answerable, len(draws))
    order = np.argsort(-judged.evidence, axis=1, kind="stable")[:, :TOP]
    said = np.concatenate([np.take_along_axis(r, order, 1).ravel() for r in draws])
    right = np.tile(np.take_along_axis(judged.relevant, order, 1).ravel(), len(draws))
    pairs = [("hits", said, right)] if judged.signs is None else [("queries", best, there), ("hits", said, right)]
    return [(name, binned(x, y, len(draws))) for name, x, y in pairs]


def binned(said: Scores, true: np.ndarray, draws: int) -> list[tuple[float, float, int]]:
    """Means of both in bins of equal size, and how many different things are in a bin."""
    parts = np.array_split(np.argsort(said, kind="stable"), BINS)
    return [(float(said[part].mean()), float(true[part].mean()), len(part) // draws) for part in parts]


def reliability_table(kinds: Mapping[str, Judged], measured: Mapping[str, Sequence[Scores]]) -> str:
    """In words."""
    head = "| asked | of | " + " | ".join(f"bin {number + 1}" for number in range(BINS)) + " |\n|" + "---|" * (BINS + 2)
    rows = [
        "| " + " | ".join([kind, name, *(f"{said:.2f}: {true:.2f}" for said, true, _ in bins)]) + " |"
        for kind, judged in kinds.items()
        for name, bins in reliability(judged, measured[kind])
    ]
    return head + "\n" + "\n".join(rows)


def draw(kinds: Mapping[str, Judged], measured: Mapping[str, Sequence[Scores]]) -> None:
    """The reliability diagram of `fused` and of pictures as queries."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "relevance"
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(8, 4), sharex=True, sharey=True, layout="constrained")
    for axis, kind, title in zip(axes, ("fused", "picture"), ("words: pictures and print", "a picture"), strict=True):
        axis.plot([0, 1], [0, 1], color="0.7", linewidth=1)
        axis.axvline(LINE, color="0.7", linewidth=1, linestyle=":")
        for name, bins in reliability(kinds[kind], measured[kind]):
            label = "best hit: the query has an answer" if name == "queries" else "first 20 hits: the hit is relevant"
            axis.plot([said for said, _, _ in bins], [true for _, true, _ in bins], "o-", label=label)
        axis.set(title=title, xlabel="relevance", xlim=(0, 1), ylim=(0, 1))
        axis.legend(loc="upper left", frameon=False, fontsize=8)
    axes[0].set_ylabel("share that is true")
    DIAGRAM.parent.mkdir(exist_ok=True)
    figure.savefig(DIAGRAM, metadata={"Date": None})
    plt.close(figure)


if __name__ == "__main__":
    raise SystemExit(main())
