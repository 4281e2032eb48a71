"""`compare --collections`: what is there already, side by side on labels, before an alias is switched."""

import argparse
import json
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from search_app.cli.evaluate_labels import ask_answers, ask_baselines, show, suite_of
from search_app.cli.evaluate_systems import open_systems_of, thumbnails
from search_app.cli.options import command_line
from search_app.datatypes import Manifest
from search_app.errors import EvaluationError
from search_app.evaluation.page.write import PageHead, write_page
from search_app.evaluation.suite import SuiteResult
from search_app.evaluation.suite_report import SuiteReport
from search_app.evaluation.tables import TextTable
from search_app.settings import Settings, load_settings
from search_app.wiring_index import open_catalogue, open_collection

_FEWEST = 2


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the option of a comparison of collections; the others are those of models."""
    parser.add_argument(
        "--collections", nargs="+", metavar="NAME", help="as `collections` lists them, or aliases; with --labels"
    )


def run(arguments: argparse.Namespace) -> int:
    """Ask each with the model that made it, and print."""
    if arguments.labels is None:
        raise EvaluationError("--collections needs --labels FOLDER: what the collections are measured by")
    settings = load_settings(device=arguments.device)
    names = _collections(settings, arguments.collections)
    images, manifests = _pictures_of_all(settings, names)
    suite = suite_of(arguments, images)
    results: dict[str, SuiteResult] = {}
    baselines: dict[str, SuiteResult] = {}
    for name in names:
        with open_systems_of(settings, name) as systems:
            results |= ask_answers(suite, systems, name)
            baselines = baselines or ask_baselines(suite, systems, arguments.seed)
    report = SuiteReport(suite, {**results, **baselines})
    table = _table(manifests)
    print(f"{table.plain()}\n")
    show(report)
    if arguments.json is not None:
        content = {"command": command_line(), "collections": _models(manifests), **report.to_json()}
        arguments.json.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    if arguments.html is not None:
        folder = arguments.pictures or Path(next(iter(manifests.values())).folder)
        write_page(
            arguments.html, PageHead("Which collection?", command_line(), table), report.sections(), thumbnails(folder)
        )
    return 0


def _collections(settings: Settings, given: list[str]) -> list[str]:
    """The collections by name; a name that only an alias has is what that stands for."""
    with closing(open_catalogue(settings)) as catalogue:
        there = catalogue.collections()
        names = dict.fromkeys(name if name in there else catalogue.resolve(name) for name in given)
    if len(names) < _FEWEST:
        raise EvaluationError(f"--collections {' '.join(given)}: two different ones or more are compared")
    return [*names]


def _pictures_of_all(settings: Settings, names: list[str]) -> tuple[set[str], dict[str, Manifest]]:
    """The paths that all hold, as only these can be compared, and what made each collection."""
    paths: dict[str, set[str]] = {}
    manifests: dict[str, Manifest] = {}
    for name in names:
        with closing(open_collection(settings, name).reader()) as reader:
            manifests[name] = reader.manifest()
            paths[name] = {known.picture.path for known in reader.scan()}
    shared = set.intersection(*paths.values())
    if not shared:
        raise EvaluationError(f"{' and '.join(names)} have no picture in common: were they made of the same folder?")
    for name, held in paths.items():
        if len(held) > len(shared):
            print(f"{name} holds {len(held)} pictures; measured are the {len(shared)} that all hold")
    return shared, manifests


def _models(manifests: Mapping[str, Manifest]) -> dict[str, dict[str, object]]:
    return {
        name: {"model": one.model, "count": one.count, "generation": one.generation} for name, one in manifests.items()
    }


def _table(manifests: Mapping[str, Manifest]) -> TextTable:
    lines = tuple((name, one.model, str(one.dim), str(one.count), one.folder) for name, one in manifests.items())
    return TextTable("Collections", ("collection", "model", "dim", "pictures", "folder"), lines)
