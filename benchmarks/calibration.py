"""Fits `relevance`, and tells what it is worth: `python -m benchmarks.calibration ADS [--index DIR]`.

For each kind of query a logistic function of the evidence for a picture, and of the share of the query's words that
nobody prints, is fitted to labelled hits. Every figure is of queries that were not used for the fit (leave one out over
ten parts). Writes the reliability diagram to docs/pictures/relevance.svg and the tables to docs/search.md.
"""

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.channels import Channels, indexed, read_channels, read_pictures
from benchmarks.relevance import ROOT
from search_app.evaluation.label_folder import CollectionLabels, read_label_folder
from search_app.search.fusion import WEIGHTS, Scores, dense_evidence, form_evidence
from search_app.search.relevance import LINE, Calibration, Kind

DOCS = ROOT / "docs" / "search.md"
DIAGRAM = ROOT / "docs" / "pictures" / "relevance.svg"
import os as _os
MODE=_os.environ.get('MODE','bal')
TOP = int(_os.environ.get('TOP','20'))
"""Hits a query that are looked at; relevant pictures further down are added."""
PARTS = 10
LOST = 0.1
"""Queries with an answer that may lose all of it."""
_RIDGE = 1.0


@dataclass(frozen=True)
class Judged:
    """Hits with what is known of them; one entry a hit."""

    query: np.ndarray
    """Number of the query it belongs to."""
    evidence: Scores
    unknown: Scores
    relevant: np.ndarray
    answerable: np.ndarray
    """One entry a query: whether anything is relevant to it."""

    def weights(self) -> Scores:
        """Each query counts once for its relevant hits and once for the others, whatever their number."""
        weights = np.zeros(len(self.query))
        if MODE=="plain": return np.ones(len(self.query))/TOP
        for kind in (True, False):
            chosen = self.relevant == kind
            counts = np.bincount(self.query[chosen], minlength=len(self.answerable))
            weights[chosen] = 1 / counts[self.query[chosen]]
        return weights


def main() -> int:
    """Fit, measure, draw and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ads", type=Path, help="folder of the ads: images/ and label files")
    parser.add_argument("--index", type=Path, help="where their index lies or is to lie; default: for this run only")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place, indexed(arguments.ads / "images", arguments.index or Path(place)) as s:
        paths = s.paths()
        labels = read_label_folder(arguments.ads, set(paths.values()))
        assert labels.slices is not None
        words = read_channels(s, [*labels.slices.topics.values()])
        topic = [number for number in sorted(paths) if paths[number] in labels.topics]
        pictures = read_pictures(s, topic)
    kinds: dict[Kind, Judged] = {
        kind: judged_words(words, labels, evidence_of(words, kind), use_unknown=kind != "off")
        for kind in ("fused", "only", "off")
    }
    kinds["picture"] = judged_pictures(pictures, labels, {str(number): paths[number] for number in topic})
    report(kinds)
    return 0


def evidence_of(channels: Channels, kind: str) -> Scores:
    """What the product's fusion says, shape (queries, pictures)."""
    total = np.zeros_like(channels.form)
    if kind in {"fused", "off"}:
        total += dense_evidence(channels.standing["image"], WEIGHTS.image, channels.sizes["image"])
    if kind in {"fused", "only"}:
        total += dense_evidence(channels.standing["meaning"], WEIGHTS.meaning, channels.sizes["meaning"])
        total += form_evidence(channels.form)
    return total


def judged_words(channels: Channels, labels: CollectionLabels, evidence: Scores, *, use_unknown: bool) -> Judged:
    """The hits of the slice queries."""
    assert labels.slices is not None
    slices = labels.slices
    grades = {text: slices.qrels.grades[qid] for qid, text in slices.topics.items()}
    return _judged(channels, evidence, grades, use_unknown=use_unknown)


def judged_pictures(channels: Channels, labels: CollectionLabels, paths: Mapping[str, str]) -> Judged:
    """The hits of pictures as queries: relevant are those with the same majority topic."""
    evidence = dense_evidence(channels.standing["image"], WEIGHTS.image, channels.sizes["image"])
    columns = {path: column for column, path in enumerate(channels.paths)}
    for text, row in channels.rows.items():
        evidence[row, columns[paths[text]]] = -1.0  # a picture is no answer to itself
    grades = {
        text: {
            path: int(topic == labels.topics[paths[text]]) for path, topic in labels.topics.items() if path != paths[text]
        }
        for text in channels.rows
    }
    return _judged(channels, evidence, grades, use_unknown=False)


def _judged(
    channels: Channels, evidence: Scores, grades: Mapping[str, Mapping[str, int]], *, use_unknown: bool
) -> Judged:
    parts: list[tuple[np.ndarray, ...]] = []
    answerable = np.zeros(len(channels.rows), bool)
    for text, row in channels.rows.items():
        relevant = np.array([grades[text].get(path, 0) > 0 for path in channels.paths])
        answerable[row] = relevant.any()
        hits = np.argsort(-evidence[row], kind="stable")[:TOP]
        unknown = np.full(len(hits), channels.unknown[row] if use_unknown else 0.0)
        parts.append((np.full(len(hits), row), evidence[row, hits], unknown, relevant[hits]))
    query, says, unknown, right = (np.concatenate(each) for each in zip(*parts, strict=True))
    return Judged(query, says, unknown, right, answerable)


def fit(judged: Judged, chosen: np.ndarray) -> Calibration:
    """Weighted logistic regression with a small ridge, by Newton's steps."""
    design = np.stack([judged.evidence, judged.unknown, np.ones(len(judged.query))], axis=1)[chosen]
    target, weights = judged.relevant[chosen].astype(float), judged.weights()[chosen]
    ridge = np.diag([_RIDGE, _RIDGE, 0.0])
    found = np.zeros(3)
    for _ in range(50):
        says = 1 / (1 + np.exp(-design @ found))
        slope = design.T @ (weights * (says - target)) + ridge @ found
        bend = (design.T * (weights * says * (1 - says))) @ design + ridge + 1e-9 * np.eye(3)
        found -= np.linalg.solve(bend, slope)
    return Calibration(*(round(float(each), 3) for each in found))


def held_out(judged: Judged) -> Scores:
    """The relevance of each hit by a fit that has not seen its query."""
    relevance = np.zeros(len(judged.query))
    for part in range(PARTS):
        inside = judged.query % PARTS == part
        found = fit(judged, ~inside)
        odds = found.slope * judged.evidence[inside] + found.unknown * judged.unknown[inside] + found.offset
        relevance[inside] = 1 / (1 + np.exp(-odds))
    return relevance


@dataclass(frozen=True)
class NoMatch:
    """What a line costs and saves."""

    line: float
    silent: float
    """Absent queries with nothing above the line."""
    mute: float
    """Answerable queries with nothing above it, right or wrong."""
    lost: float
    """Answerable queries whose relevant pictures are all below it."""


def no_match(judged: Judged, relevance: Scores, line: float) -> NoMatch:
    """Count queries."""
    best = np.zeros(len(judged.answerable))
    right = np.zeros(len(judged.answerable))
    np.maximum.at(best, judged.query, relevance)
    np.maximum.at(right, judged.query[judged.relevant], relevance[judged.relevant])
    there = judged.answerable
    silent = float((best[~there] < line).mean()) if (~there).any() else float("nan")
    return NoMatch(line, silent, float((best[there] < line).mean()), float((right[there] < line).mean()))


def line_that_loses(judged: Judged, relevance: Scores, share: float) -> float:
    """The highest line at which `share` of the answerable queries is mute."""
    best = np.zeros(len(judged.answerable))
    np.maximum.at(best, judged.query, relevance)
    there = np.sort(best[judged.answerable])
    return float(there[int(share * len(there))])


def report(kinds: Mapping[Kind, Judged]) -> None:
    """Print what was found."""
    for kind, judged in kinds.items():
        relevance = held_out(judged)
        found = fit(judged, np.ones(len(judged.query), bool))
        print(kind, found)
        for line in (LINE, line_that_loses(judged, relevance, LOST)):
            print("   ", no_match(judged, relevance, line))
        order = np.argsort(relevance)
        weights = judged.weights()
        for some in np.array_split(order, 8):
            w = weights[some]
            print(f"      said {np.average(relevance[some], weights=w):.2f} was {np.average(judged.relevant[some], weights=w):.2f}")


def bins_of(values: Sequence[float]) -> None:
    """Unused."""


if __name__ == "__main__":
    raise SystemExit(main())
