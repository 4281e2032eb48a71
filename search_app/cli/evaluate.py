"""`evaluate`: ask every topic, compare the answers with the judgements; TREC files in, numbers out."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from search_app.cli.options import Subparsers, add_model_options, settings_from
from search_app.cli.progress import TerminalProgress
from search_app.evaluation.measures import parse_measures
from search_app.evaluation.report import format_table
from search_app.evaluation.runner import EvaluationOptions, evaluate
from search_app.evaluation.trec import Ranking, read_qrels, read_topics
from search_app.wiring import open_service

DEFAULT_MEASURES = ("P@5", "R@1", "R@5", "R@10", "RR", "AP", "nDCG@10")


def add_parser(commands: Subparsers) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "evaluate",
        help="measure the answers against judgements",
        description="Ask every topic and compare with the qrels. Paths are relative to the indexed folder, "
        "percent-encoded where they hold spaces.",
    )
    parser.add_argument("--topics", type=Path, required=True, metavar="T.tsv", help="qid<TAB>text")
    parser.add_argument("--qrels", type=Path, required=True, metavar="Q.txt", help="qid 0 PATH grade")
    parser.add_argument("--measures", nargs="+", default=list(DEFAULT_MEASURES), help="named as in ir-measures")
    parser.add_argument("--run", dest="run_file", type=Path, metavar="RUN.txt", help="write a TREC run file")
    parser.add_argument("--depth", type=int, default=1000, help="answers asked for each query (default 1000)")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the report to this file")
    add_model_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Evaluate and print the table."""
    topics, qrels = read_topics(arguments.topics), read_qrels(arguments.qrels)
    measures = parse_measures(arguments.measures)
    service = open_service(settings_from(arguments))
    try:
        paths = service.paths()

        def search(texts: Sequence[str], depth: int) -> list[Ranking]:
            answers = service.search_batch(texts, depth)
            return [Ranking([paths[number] for number in found.ids.tolist()], found.scores) for found in answers]

        manifest = service.reader.manifest()
        options = EvaluationOptions(
            model=manifest.model,
            collection=manifest.collection,
            depth=arguments.depth,
            run_file=arguments.run_file,
            indexed=set(paths.values()),
        )
        with TerminalProgress("evaluating", "queries") as progress:
            report = evaluate(search, topics, qrels, measures, options, progress)
    finally:
        service.close()
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(report.to_json(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(format_table(report))
    return 0
