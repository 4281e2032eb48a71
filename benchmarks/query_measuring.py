"""What the trials of queries share: judged queries by kind, searches over score tables, and paired differences."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.channels import Channels
from search_app.evaluation.ads import JudgedQueries
from search_app.evaluation.comparison import compare, same_relevant
from search_app.evaluation.label_folder import CollectionLabels, read_label_folder
from search_app.evaluation.measures import parse_measures
from search_app.evaluation.report import EvaluationReport
from search_app.evaluation.runner import EvaluationOptions, Search, evaluate
from search_app.evaluation.slice_data import SLICES
from search_app.evaluation.statistics import holm
from search_app.evaluation.trec import Qrels, Ranking
from search_app.search.fusion import WEIGHTS, Scores, dense_evidence
from search_app.search.service import SearchService

DEPTH = 1_000


@dataclass(frozen=True)
class World:
    """The collection, what is judged, and what is printed in each picture."""

    service: SearchService
    kinds: Mapping[str, JudgedQueries]
    ids: list[int]
    paths: list[str]
    printed: list[str]


@dataclass(frozen=True)
class Trial:
    """Judged queries, asked in several forms: a form has one text for each of them."""

    queries: JudgedQueries
    measure: str
    clusters: Mapping[str, str]
    """Query to the group that is drawn and swapped as one."""

    def report(self, search: Search, texts: Mapping[str, str] | None = None) -> EvaluationReport:
        """What a search reaches with the queries as they stand or in another form (query id to text)."""
        options = EvaluationOptions(depth=DEPTH, clusters=self.clusters)
        topics = texts or self.queries.topics
        return evaluate(search, topics, self.queries.qrels, parse_measures(self.measure), options)


def by_kind(labels: CollectionLabels) -> dict[str, JudgedQueries]:
    """The categories, the statements and each slice with answers."""
    if labels.categories is None or labels.statements is None or labels.slices is None:
        raise SystemExit("ADS needs the ads' topics, statements and just the pictures that the slices were judged on")
    found = {"categories": labels.categories, "statements": labels.statements}
    for name in SLICES:
        qids = labels.slices.of(name)
        if name != "absent":
            topics = {qid: labels.slices.topics[qid] for qid in qids}
            found[name] = JudgedQueries(topics, Qrels({qid: labels.slices.qrels.grades[qid] for qid in qids}))
    return found


def together(*parts: JudgedQueries, measure: str = "nDCG@10") -> Trial:
    """Several sets as one; queries with the same answers are one group."""
    topics = {qid: text for part in parts for qid, text in part.topics.items()}
    qrels = Qrels({qid: grades for part in parts for qid, grades in part.qrels.grades.items()})
    return Trial(JudgedQueries(topics, qrels), measure, same_relevant(qrels))


def read_world(service: SearchService, ads: Path) -> World:
    """Everything that is asked about."""
    by_id = service.paths()
    ids = sorted(by_id)
    words = service.reader.words(ids)
    printed = [words[number].text if number in words else "" for number in ids]
    labels = read_label_folder(ads, set(by_id.values()))
    return World(service, by_kind(labels), ids, [by_id[number] for number in ids], printed)


def search_of(paths: Sequence[str], rows: Mapping[str, int], scores: Scores) -> Search:
    """A search whose scores are known, shape (texts, pictures); where they are NaN nothing is found."""

    def search(texts: Sequence[str], depth: int) -> list[Ranking]:
        rankings = []
        for text in texts:
            row = scores[rows[text]]
            order = np.argsort(-row, kind="stable")[: min(depth, int(np.count_nonzero(~np.isnan(row))))]
            rankings.append(Ranking([paths[place] for place in order.tolist()], row[order]))
        return rankings

    return search


def systems(channels: Channels) -> dict[str, Scores]:
    """What each channel, the print and all together order by; NaN where they find nothing."""
    form = np.where(channels.form > 0, channels.form, np.nan)
    return {
        "pictures": channels.standing["image"],
        "form": form,
        "meaning": channels.standing["meaning"],
        "fused": fused(channels, channels.form),
    }


def fused(channels: Channels, form: Scores) -> Scores:
    """The order that `/search` has by default, with these scores by form."""
    return pictures_say(channels) + print_says(channels, form)


def pictures_say(channels: Channels) -> Scores:
    """What the pictures say for each text, as `/search` weighs it."""
    return dense_evidence(channels.standing["image"], WEIGHTS.image, channels.sizes["image"])


def print_says(channels: Channels, form: Scores) -> Scores:
    """What the printed words say for each text by what they mean and, with these scores, by their form."""
    meaning = dense_evidence(channels.standing["meaning"], WEIGHTS.meaning, channels.sizes["meaning"])
    return meaning + WEIGHTS.form * form


def mean(report: EvaluationReport) -> str:
    """The one measure of a report."""
    [estimate] = report.measures.values()
    return f"{estimate.value:.3f}"


def against(base: EvaluationReport, others: Mapping[str, EvaluationReport], trial: Trial) -> dict[str, str]:
    """Each report's difference to `base` with its 95 % interval; a star where p < .05 by Holm over all of them."""
    found = {name: compare({name: one, "base": base}, clusters=trial.clusters) for name, one in others.items()}
    differences = {name: each.differences[0] for name, each in found.items()}
    corrected = holm([each.p for each in differences.values()])
    return {
        name: f"{each.difference:+.3f} ({each.low:+.3f} to {each.high:+.3f}){'*' if p < 0.05 else ''}"
        for (name, each), p in zip(differences.items(), corrected, strict=True)
    }


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
