"""`evaluate --labels`: the whole suite over the collection, with the baselines beside it."""

import argparse
from typing import Any

from search_app.cli.evaluate_systems import FUSED, PRINT, WORDS, Systems, open_systems
from search_app.cli.options import settings_from
from search_app.cli.progress import TerminalProgress
from search_app.evaluation.baselines import RANDOM_DRAWS, random_search
from search_app.evaluation.label_folder import read_label_folder
from search_app.evaluation.page.write import PageHead, write_page
from search_app.evaluation.report import Interval
from search_app.evaluation.runner import EvaluationOptions, Search
from search_app.evaluation.suite import Suite, SuiteResult, average, build_suite
from search_app.evaluation.suite_report import SuiteReport
from search_app.evaluation.tables import join

RANDOM = "random"


def run(arguments: argparse.Namespace, command: str) -> dict[str, Any]:
    """Evaluate, print the tables and the differences, write the page; returns what the JSON holds."""
    with open_systems(settings_from(arguments), arguments.model or "") as systems:
        images = set(systems.paths.values())
        options = EvaluationOptions(
            collection=systems.manifest.collection,
            depth=arguments.depth,
            indexed=images,
            interval=Interval(seed=arguments.seed),
        )
        suite = build_suite(read_label_folder(arguments.labels, images), images, options)
        results = {**ask_collection(suite, systems), **ask_baselines(suite, systems, arguments.seed)}
        queries = [text for about in suite.sections for text in about.topics.values()]
        report = SuiteReport(suite, results, systems.ann_recall(list(dict.fromkeys(queries))))
        show(report)
        if arguments.markdown is not None:
            arguments.markdown.write_text(join(report.tables(), markdown=True) + "\n", encoding="utf-8")
        if arguments.html is not None:
            head = PageHead("How good are the answers?", command)
            write_page(arguments.html, head, report.sections(), systems.thumbnail)
        about = {"model": systems.manifest.model, "collection": systems.manifest.collection, "command": command}
        return {**about, **report.to_json()}


def suite_of(arguments: argparse.Namespace, images: set[str]) -> Suite:
    """What the labels ask of these pictures, for comparing what answers."""
    options = EvaluationOptions(
        collection=str(arguments.labels), indexed=images, interval=Interval(seed=arguments.seed)
    )
    return build_suite(read_label_folder(arguments.labels, images), images, options)


def ask_collection(suite: Suite, systems: Systems) -> dict[str, SuiteResult]:
    """The collection as it answers: with the words printed in the pictures where it holds any, and by each alone."""
    model = {systems.manifest.model: ask_model(suite, systems)}
    if not systems.words:
        return model
    fused, printed = _ask(suite, FUSED, systems.asking("fused")), _ask(suite, PRINT, systems.asking("only"))
    return {FUSED: fused, **model, PRINT: printed}


def ask_answers(suite: Suite, systems: Systems, name: str) -> dict[str, SuiteResult]:
    """A collection as it answers, and where it holds printed words also without them."""
    alone = _ask(suite, name, systems.asking("off"))
    if not systems.words:
        return {name: alone}
    return {name: _ask(suite, name, systems.asking("fused")), f"{name}, pictures alone": alone}


def ask_model(suite: Suite, systems: Systems) -> SuiteResult:
    """The pictures alone."""
    return _ask(suite, systems.manifest.model, systems.asking("off"))


def ask_baselines(suite: Suite, systems: Systems, seed: int) -> dict[str, SuiteResult]:
    """What stands beside every table: BM25 where the collection holds words, and chance."""
    results = {}
    if systems.words:
        results[WORDS] = _ask(suite, WORDS, systems.words)
    else:
        print("this collection holds no words of its pictures: what reads these is left out\n")
    paths = list(systems.paths.values())
    draws = [suite.evaluate(RANDOM, random_search(paths, seed + draw)) for draw in range(RANDOM_DRAWS)]
    return {**results, RANDOM: average(draws)}


def _ask(suite: Suite, name: str, search: Search) -> SuiteResult:
    with TerminalProgress(f"asking {name}", "queries") as progress:
        return suite.evaluate(name, search, progress)


def show(report: SuiteReport) -> None:
    """Print every table, then what differs."""
    print(join(report.tables()))
    for about in report.suite.sections:
        if differences := report.differences(about):
            print(f"\n{about.title}: differences\n\n{differences}")
