"""Ways to search pictures and their print together: `python -m benchmarks.fusion ADS [--index DIR]`.

Every way orders the same pictures by the same scores of the same channels, and is asked everything that
`evaluate --labels ADS` asks. First the parameters of ours: chosen on four fifths of the pictures, measured on the
last, five times. Then the ways side by side, with paired tests of ours against each. Writes to docs/search.md.
"""

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from benchmarks.channels import AskedSuite, Channels, asked_suite
from benchmarks.relevance import ROOT
from benchmarks.tables import put
from search_app.evaluation.label_folder import CollectionLabels
from search_app.evaluation.slice_data import read_slices
from search_app.evaluation.suite import Suite, SuiteResult
from search_app.evaluation.trec import Qrels, Ranking, Topics
from search_app.search.fusion import WEIGHTS, Scores, Voice, Weights, chance, dense_evidence

DOCS = ROOT / "docs" / "search.md"
FOLDS = 5
Way = Callable[[Channels], Scores]
SHOWN = {
    "categories": ("nDCG@10", "AP"),
    "statements": ("R@1", "R@5", "R@10"),
    "candidates": ("P@1",),
    "slice-object": ("nDCG@10",),
    "slice-attribute": ("nDCG@10",),
    "slice-counting": ("nDCG@10",),
    "slice-abstract": ("nDCG@10",),
    "slice-printed": ("nDCG@10",),
    "slice-brand": ("nDCG@10",),
}
GRID: Mapping[str, Sequence[float]] = {
    "image slope": (1.0, 1.5, 2.0, 2.5, 3.0),
    "image margin": (1.45, 1.95, 2.45),
    "meaning slope": (1.5, 2.0, 2.5, 3.0),
    "meaning margin": (1.95, 2.45, 2.95),
    "form": (0.2, 0.3, 0.4, 0.5, 0.6),
}


def main() -> int:
    """Choose, compare, write."""
    with asked_suite(__doc__) as asked:
        put(DOCS, "fusion folds", cross_validated(asked.channels, asked.labels))
        put(DOCS, "fusion", compared(asked.channels, asked.suite))
    return 0


# --- the ways


def ours(weights: Weights) -> Way:
    """Softplus of z above what chance reaches, and BM25: see `search.fusion`."""

    def way(channels: Channels) -> Scores:
        image = dense_evidence(channels.standing["image"], weights.image, channels.sizes["image"])
        meaning = dense_evidence(channels.standing["meaning"], weights.meaning, channels.sizes["meaning"])
        return image + meaning + weights.form * channels.form

    return way


def only_print(channels: Channels) -> Scores:
    """Ours without the pictures: what `words=only` orders by."""
    meaning = dense_evidence(channels.standing["meaning"], WEIGHTS.meaning, channels.sizes["meaning"])
    return meaning + WEIGHTS.form * channels.form


def sum_of_z(channels: Channels) -> Scores:
    """The z of each channel, summed with the weights that did best in the same search: 1, 1.5 and .5."""
    form = (channels.form - channels.form.mean(1, keepdims=True)) / np.maximum(
        channels.form.std(1, keepdims=True), 1e-9
    )
    return filled(channels, "image") + 1.5 * filled(channels, "meaning") + 0.5 * form


def reciprocal_ranks(channels: Channels, k: int = 60) -> Scores:
    """RRF with the usual k (Cormack et al., SIGIR 2009)."""
    each = (filled(channels, "image"), filled(channels, "meaning"), channels.form)
    return np.sum([1 / (k + 1 + (-one).argsort(1, kind="stable").argsort(1)) for one in each], axis=0)


def by_distribution(channels: Channels) -> Scores:
    """DBSF, as in Qdrant: each channel scaled between its mean -+ 3 deviations, summed."""
    each = [filled(channels, "image"), filled(channels, "meaning")]
    deviation = np.maximum(channels.form.std(1, keepdims=True), 1e-9)
    each.append((channels.form - channels.form.mean(1, keepdims=True)) / deviation)
    return np.sum([np.clip((one + 3) / 6, 0, 1) for one in each], axis=0)


def filled(channels: Channels, name: str) -> Scores:
    """Standing in a dense channel, where a picture without words is as unlikely as the most unlikely one."""
    standing = channels.standing[name]
    return np.where(np.isnan(standing), np.nanmin(standing, axis=1, keepdims=True), standing)


WAYS: Mapping[str, Way] = {
    "ours": ours(WEIGHTS),
    "pictures": lambda channels: filled(channels, "image"),
    "print": only_print,
    "meaning": lambda channels: filled(channels, "meaning"),
    "BM25": lambda channels: channels.form,
    "sum of z": sum_of_z,
    "DBSF": by_distribution,
    "RRF": reciprocal_ranks,
}


def compared(channels: Channels, suite: Suite, ways: Mapping[str, Way] = WAYS) -> str:
    """Every way in a row, and what a paired test says of the first, which is `ours`, against it."""
    results = {name: suite.evaluate(name, search_of(channels, way(channels))) for name, way in ways.items()}
    names = [f"{section.replace('slice-', '')} {measure}" for section, chosen in SHOWN.items() for measure in chosen]
    rows = [[name, *figures(suite, results, name)] for name in ways]
    head = "| way | " + " | ".join(names) + " |\n|---|" + "---|" * len(names)
    return head + "\n" + "\n".join("| " + " | ".join(row) + " |" for row in rows)


def beside_ours(asked: AskedSuite, trials: Mapping[str, Scores]) -> str:
    """The same table of other scores, by name, with ours and print alone before them."""
    ways: dict[str, Way] = {"ours": ours(WEIGHTS), "print": only_print}
    ways |= {name: partial(_given, scores) for name, scores in trials.items()}
    return compared(asked.channels, asked.suite, ways)


def _given(scores: Scores, _: Channels) -> Scores:
    return scores


def figures(suite: Suite, results: Mapping[str, SuiteResult], name: str) -> Iterator[str]:
    """The means of one way; `+` where ours is significantly better than it, `-` where it is than ours."""
    for about in suite.sections:
        if about.name not in SHOWN:
            continue
        pair = {"ours": results["ours"].reports[about.name], name: results[name].reports[about.name]}
        comparison = suite.compare(about, pair) if name != "ours" else None
        for measure in SHOWN[about.name]:
            found = [] if comparison is None else [each for each in comparison.differences if each.measure == measure]
            mark = "".join("+" if each.difference > 0 else "-" for each in found if each.p_holm < 0.05)
            yield f"{results[name].reports[about.name].measures[measure].value:.3f}{mark}"


def search_of(channels: Channels, scores: Scores) -> Callable[[Sequence[str], int], list[Ranking]]:
    """A search that orders by given scores."""

    def search(texts: Sequence[str], depth: int) -> list[Ranking]:
        return [ranking(channels, scores[channels.rows[text]], depth) for text in texts]

    return search


def ranking(channels: Channels, scores: Scores, depth: int) -> Ranking:
    """The best pictures, ties by their place in the index."""
    order = np.argsort(-scores, kind="stable")[:depth]
    return Ranking([channels.paths[place] for place in order.tolist()], scores[order])


# --- the choice


@dataclass(frozen=True)
class Question:
    """One labelled query."""

    section: str
    row: int
    gains: np.ndarray
    """Shape (pictures,)."""


def cross_validated(channels: Channels, labels: CollectionLabels) -> str:
    """The parameters that each fold would choose, and what they reach on the pictures they were not chosen on."""
    questions = list(labelled(channels, labels))
    fold = np.array([zlib.crc32(path.encode()) % FOLDS for path in channels.paths])
    shipped = settings_of(WEIGHTS)
    rows = []
    for number in [None, *range(FOLDS)]:
        inside = np.ones(len(fold), bool) if number is None else fold != number
        chosen = climb(channels, questions, inside, shipped)
        cells = [f"{value:g}" for value in chosen.values()]
        if number is not None:
            outside = fold == number
            ways = (ours(weights_of(chosen)), WAYS["ours"], sum_of_z, only_print, WAYS["pictures"])
            cells += [f"{quality(way(channels), questions, outside):.3f}" for way in ways]
        else:
            cells += [""] * 5
        rows.append(["all" if number is None else f"{number + 1} of {FOLDS}", *cells])
    names = ["pictures left out", *GRID, "chosen", "shipped", "sum of z", "print", "pictures alone"]
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def labelled(channels: Channels, labels: CollectionLabels) -> Iterator[Question]:
    """All queries with relevant pictures: categories, statements, slices."""
    sections: list[tuple[str, Topics, Qrels]] = []
    for name, part in (("categories", labels.categories), ("statements", labels.statements)):
        if part is not None:
            sections.append((name, part.topics, part.qrels))
    slices = read_slices()
    kinds = sorted({*slices.slices.values()} - {"absent"})
    sections += [(name, {qid: slices.topics[qid] for qid in slices.of(name)}, slices.qrels) for name in kinds]
    for section, topics, qrels in sections:
        for qid, text in topics.items():
            grades = qrels.grades.get(qid, {})
            yield Question(section, channels.rows[text], np.array([max(grades.get(p, 0), 0) for p in channels.paths]))


def quality(scores: Scores, questions: Sequence[Question], pictures: np.ndarray) -> float:
    """Mean over the sections of nDCG@10 (statements: RR) among some of the pictures; the two large ones count twice."""
    values: dict[str, list[float]] = {}
    for question in questions:
        gains = question.gains[pictures]
        if gains.any():
            order = np.argsort(-scores[question.row][pictures], kind="stable")
            measure = reciprocal_rank if question.section == "statements" else ndcg
            values.setdefault(question.section, []).append(measure(gains[order]))
    means = {section: float(np.mean(each)) for section, each in values.items()}
    weights = {section: 2.0 if section in {"categories", "statements"} else 1.0 for section in means}
    return float(sum(weights[section] * mean for section, mean in means.items()) / sum(weights.values()))


def reciprocal_rank(gains: np.ndarray) -> float:
    """1 / rank of the first relevant picture."""
    return 1 / (1 + int(np.flatnonzero(gains)[0]))


def ndcg(gains: np.ndarray, depth: int = 10) -> float:
    """With gains 2 ** grade - 1."""
    worth, discount = 2.0**gains - 1, 1 / np.log2(np.arange(2, depth + 2))
    best = np.sort(worth)[::-1][:depth]
    return float((worth[:depth] * discount[: len(gains)]).sum() / (best * discount[: len(best)]).sum())


def climb(
    channels: Channels, questions: Sequence[Question], pictures: np.ndarray, start: Mapping[str, float]
) -> dict[str, float]:
    """The best setting on the grid, one parameter after the other until none moves."""
    best = dict(start)
    reached = quality(ours(weights_of(best))(channels), questions, pictures)
    moved = True
    while moved:
        moved = False
        for name, values in GRID.items():
            for value in values:
                tried = {**best, name: value}
                found = quality(ours(weights_of(tried))(channels), questions, pictures)
                if found > reached + 1e-5:
                    best, reached, moved = tried, found, True
    return best


def settings_of(weights: Weights) -> dict[str, float]:
    """By the names of `GRID`."""
    image, meaning = weights.image, weights.meaning
    return dict(zip(GRID, (image.slope, image.margin, meaning.slope, meaning.margin, weights.form), strict=True))


def weights_of(settings: Mapping[str, float]) -> Weights:
    """The way back."""
    image_slope, image_margin, meaning_slope, meaning_margin, form = settings.values()
    return Weights(Voice(image_slope, image_margin), Voice(meaning_slope, meaning_margin), form)


if __name__ == "__main__":
    print(f"the best of 377 irrelevant pictures stands out {chance(377):.2f} deviations by chance")
    raise SystemExit(main())
