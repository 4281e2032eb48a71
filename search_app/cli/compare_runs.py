"""`compare --runs`: TREC run files of several systems against the same judgements; TREC files in, tables out."""

import argparse
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from search_app.cli.evaluate_systems import thumbnails
from search_app.cli.options import command_line
from search_app.errors import EvaluationError
from search_app.evaluation.comparison import compare, format_comparison, same_relevant
from search_app.evaluation.measures import DEFAULT_MEASURES, parse_measures
from search_app.evaluation.page.write import PageHead, Section, write_page
from search_app.evaluation.report import EvaluationReport, Interval, format_table
from search_app.evaluation.runner import EvaluationOptions, evaluate
from search_app.evaluation.trec import Qrels, Ranking, Topics, read_qrels, read_run, read_topics

_KEPT = 20
"""Answers to each query that the page may show."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of a comparison of run files."""
    parser.add_argument("--runs", type=Path, nargs="+", metavar="RUN", help="TREC run files, one a system")
    parser.add_argument("--qrels", type=Path, metavar="Q.txt", help="qid 0 PATH grade")
    parser.add_argument("--topics", type=Path, metavar="T.tsv", help="qid<TAB>text, to show queries by their words")
    parser.add_argument("--measures", nargs="+", default=DEFAULT_MEASURES.split(), help="named as in ir-measures")
    parser.add_argument("--seed", type=int, default=0, help="of the intervals and tests (default 0)")
    parser.add_argument("--pictures", type=Path, metavar="FOLDER", help="the pictures, to be shown on the page")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write all figures to this file")
    parser.add_argument("--html", type=Path, metavar="OUT.html", help="write one self-contained page")


def run(arguments: argparse.Namespace) -> int:
    """Measure each run and print the tables and the comparison."""
    if arguments.qrels is None:
        raise EvaluationError("--runs needs --qrels Q.txt: judgements to measure the runs against")
    if arguments.pictures is not None and not arguments.pictures.is_dir():
        raise EvaluationError(f"--pictures {arguments.pictures}: no such folder")
    qrels = read_qrels(arguments.qrels)
    topics = read_topics(arguments.topics) if arguments.topics else {}
    runs = {name: read_run(path) for name, path in _names(arguments.runs).items()}
    reports = {name: _report(name, rankings, qrels, arguments) for name, rankings in runs.items()}
    groups = same_relevant(qrels)
    comparison = compare(reports, arguments.seed, groups)
    for name, report in reports.items():
        print(f"{name}\n{format_table(report)}\n")
    print(format_comparison(comparison, topics))
    if arguments.json is not None:
        content = {
            "qrels": str(arguments.qrels),
            "systems": {name: report.to_json() for name, report in reports.items()},
            "comparison": comparison.to_json(),
            "seed": arguments.seed,
        }
        arguments.json.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    if arguments.html is not None:
        _write_page(arguments, reports, runs, topics, qrels)
    return 0


def _names(paths: Sequence[Path]) -> dict[str, Path]:
    """A name for each run: its file's, or the whole path where two files are called alike."""
    stems = Counter(path.stem for path in paths)
    named = {path.stem if stems[path.stem] == 1 else str(path): path for path in paths}
    if len(named) < len(paths):
        raise EvaluationError("--runs names a file twice; a run cannot be compared with itself")
    if len(named) < 2:
        raise EvaluationError("--runs needs two run files or more")
    return named


def _report(
    name: str, rankings: Mapping[str, Ranking], qrels: Qrels, arguments: argparse.Namespace
) -> EvaluationReport:
    """Ask the run file each query by its id."""
    if not rankings.keys() & qrels.grades.keys():
        raise EvaluationError(f"{name}: no query id of this run occurs in {arguments.qrels}: do they belong together?")
    empty = Ranking([], np.empty(0))

    def search(qids: Sequence[str], depth: int) -> list[Ranking]:
        found = [rankings.get(qid, empty) for qid in qids]
        return [Ranking(each.paths[:depth], each.scores[:depth]) for each in found]

    asked = {qid: qid for qid in [*qrels.grades, *rankings]}
    options = EvaluationOptions(
        model=name,
        collection=arguments.qrels.name,
        depth=max(len(ranking.paths) for ranking in rankings.values()),
        interval=Interval(seed=arguments.seed),
    )
    return evaluate(search, asked, qrels, parse_measures(arguments.measures), options)


def _write_page(
    arguments: argparse.Namespace,
    reports: Mapping[str, EvaluationReport],
    runs: Mapping[str, Mapping[str, Ranking]],
    topics: Topics,
    qrels: Qrels,
) -> None:
    answers = {
        name: {qid: Ranking(each.paths[:_KEPT], each.scores[:_KEPT]) for qid, each in rankings.items()}
        for name, rankings in runs.items()
    }
    note = f"Run files against the judgements of {arguments.qrels.name}."
    section = Section(", ".join(reports), note, reports, topics or {qid: qid for qid in qrels.grades}, qrels, answers)
    command = command_line()
    write_page(arguments.html, PageHead("Comparison of runs", command), [section], thumbnails(arguments.pictures))
