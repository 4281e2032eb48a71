"""`evaluate`: ask every topic, compare the answers with the judgements; TREC files or labels in, numbers out."""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from search_app.cli import evaluate_labels
from search_app.cli.evaluate_systems import open_systems
from search_app.cli.options import Subparsers, add_model_options, command_line, settings_from
from search_app.cli.progress import TerminalProgress
from search_app.errors import EvaluationError
from search_app.evaluation.gate import fallen, read_result
from search_app.evaluation.measures import parse_measures
from search_app.evaluation.page.write import PageHead, Section, write_page
from search_app.evaluation.report import EvaluationReport, Interval, format_table
from search_app.evaluation.runner import EvaluationOptions, evaluate
from search_app.evaluation.suite import Memory
from search_app.evaluation.trec import Qrels, Topics, read_qrels, read_topics
from search_app.search.query import WordsMode

DEFAULT_MEASURES = ("P@5", "R@1", "R@5", "R@10", "RR", "AP", "nDCG@10")
FELL = 1


def add_parser(commands: Subparsers) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "evaluate",
        help="measure the answers against judgements",
        description="Ask every topic and compare with the qrels. Paths are relative to the indexed folder, "
        "percent-encoded where they hold spaces. With --labels: everything that the ads' label files, or files in "
        "their form, let us ask: pictures and print together and each alone, beside BM25 over the print and chance.",
    )
    parser.add_argument("--topics", type=Path, metavar="T.tsv", help="qid<TAB>text")
    parser.add_argument("--qrels", type=Path, metavar="Q.txt", help="qid 0 PATH grade")
    parser.add_argument("--labels", type=Path, metavar="FOLDER", help="Topics.json, Topics_List.txt, statements")
    parser.add_argument("--measures", nargs="+", default=list(DEFAULT_MEASURES), help="named as in ir-measures")
    parser.add_argument("--run", dest="run_file", type=Path, metavar="RUN.txt", help="write a TREC run file")
    parser.add_argument("--depth", type=int, default=1000, help="answers asked for each query (default 1000)")
    parser.add_argument(
        "--words",
        choices=get_args(WordsMode),
        default="fused",
        help="with --topics: printed words together with the pictures (default), alone, or not at all",
    )
    parser.add_argument("--seed", type=int, default=0, help="of intervals, tests and draws (default 0)")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write all figures to this file")
    parser.add_argument("--html", type=Path, metavar="OUT.html", help="write one self-contained page with pictures")
    parser.add_argument("--markdown", type=Path, metavar="OUT.md", help="with --labels: write the tables for docs")
    parser.add_argument(
        "--against", type=Path, metavar="OLD.json", help="exit 1 where a measure fell below this earlier --json"
    )
    add_model_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Evaluate and print the tables; 1 where a measure fell."""
    before = read_result(arguments.against) if arguments.against else None
    command = command_line()
    if arguments.labels:
        result = evaluate_labels.run(arguments, command)
    elif arguments.topics and arguments.qrels:
        result = _run_topics(arguments, command)
    else:
        raise EvaluationError("evaluate needs --topics T.tsv and --qrels Q.txt, or --labels FOLDER")
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0 if before is None else _judge(before, result)


def _judge(before: Mapping[str, Any], now: Mapping[str, Any]) -> int:
    """Say what fell."""
    falls = fallen(before, now)
    for fall in falls:
        print(f"fell: {fall}")
    if not falls:
        print("no measure fell below the earlier result")
    return FELL if falls else 0


def _run_topics(arguments: argparse.Namespace, command: str) -> dict[str, Any]:
    topics, qrels = read_topics(arguments.topics), read_qrels(arguments.qrels)
    measures = parse_measures(arguments.measures)
    with open_systems(settings_from(arguments), arguments.model or "") as systems:
        memory = Memory(systems.asking(arguments.words))
        options = EvaluationOptions(
            model=systems.manifest.model,
            collection=systems.manifest.collection,
            depth=arguments.depth,
            run_file=arguments.run_file,
            indexed=set(systems.paths.values()),
            interval=Interval(seed=arguments.seed),
        )
        with TerminalProgress("evaluating", "queries") as progress:
            report = evaluate(memory.search, topics, qrels, measures, options, progress)
        print(format_table(report))
        if arguments.html is not None:
            section = _section(arguments.topics.name, report, topics, qrels, memory)
            write_page(arguments.html, PageHead("How good are the answers?", command), [section], systems.thumbnail)
    return {**report.to_json(), "command": command}


def _section(name: str, report: EvaluationReport, topics: Topics, qrels: Qrels, memory: Memory) -> Section:
    note = f"The queries of {name} against their judgements."
    return Section(name, note, {report.model: report}, topics, qrels, {report.model: memory.answers(topics)})
