"""`compare --models`: each model in a collection of its own, all on the same labels."""

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from search_app.cli.evaluate_labels import ask_baselines, ask_model, show, suite_of
from search_app.cli.evaluate_systems import open_systems, thumbnails
from search_app.cli.options import command_line
from search_app.errors import EvaluationError, SearchAppError
from search_app.evaluation.cost import EncoderCost, encoder_cost
from search_app.evaluation.differences import headline
from search_app.evaluation.model_table import ModelRow, model_table
from search_app.evaluation.page.write import PageHead, write_page
from search_app.evaluation.report import Estimate
from search_app.evaluation.suite import Suite, SuiteResult
from search_app.evaluation.suite_report import SuiteReport
from search_app.evaluation.tables import TextTable
from search_app.settings import Settings, load_settings

_SECTIONS = 3
"""Sections whose headlines stand in the table of models."""
WORKPLACE = "compare"
"""Folder beside the indexes that keeps what indexing each model took."""


@dataclass(frozen=True, slots=True)
class _Indexed:
    """What indexing one model took."""

    images_per_second: float | None
    memory_mb: float | None


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of a comparison of models."""
    parser.add_argument("--models", nargs="+", metavar="MODEL", help="as SEARCH_MODEL spells them")
    parser.add_argument("--labels", type=Path, metavar="FOLDER", help="Topics.json, Topics_List.txt, statements")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], help="where the encoders run (SEARCH_DEVICE)")


def run(arguments: argparse.Namespace) -> int:
    """Index, evaluate and print; 1 where no model could be measured."""
    if arguments.labels is None:
        raise EvaluationError("--models needs --labels FOLDER: what the models are measured by")
    settings = load_settings(device=arguments.device)
    folder = arguments.pictures or settings.data_dir
    results: dict[str, SuiteResult] = {}
    costs: dict[str, tuple[EncoderCost, _Indexed]] = {}
    skipped: dict[str, str] = {}
    suite: Suite | None = None
    baselines: dict[str, SuiteResult] = {}
    for model in dict.fromkeys(arguments.models):
        chosen = load_settings(model=model, device=arguments.device, collection=collection_of(model))
        try:
            indexed = _index(chosen, folder, first=not results)
            with open_systems(chosen) as systems:
                suite = suite or suite_of(arguments, set(systems.paths.values()))
                results[model] = ask_model(suite, systems)
                baselines = baselines or ask_baselines(suite, systems, arguments.seed)
                costs[model] = (encoder_cost(systems.service.encoder, _texts(suite)), indexed)
        except SearchAppError as error:
            skipped[model] = str(error)
            print(f"{model} is passed over: {error}\n", file=sys.stderr)
    if suite is None:
        raise EvaluationError("no model could be measured: " + "; ".join(skipped.values()))
    report = SuiteReport(suite, {**results, **baselines})
    rows = {
        model: ModelRow(_quality(suite, results[model]), cost, indexed.images_per_second, indexed.memory_mb)
        for model, (cost, indexed) in costs.items()
    }
    table = model_table(rows, next(iter(_quality(suite, next(iter(results.values()))))), skipped)
    print(f"{table.plain()}\n")
    show(report)
    _write(arguments, report, rows, table, folder)
    return 0


def collection_of(model: str) -> str:
    """A collection's name for a model's: readable, and no two alike."""
    readable = re.sub(r"[^A-Za-z0-9]+", "-", model).strip("-")[:40]
    return f"compare-{readable}-{hashlib.sha256(model.encode()).hexdigest()[:8]}"


def _index(settings: Settings, folder: Path, *, first: bool) -> _Indexed:
    """Index by the command, in a process of its own: its memory is its own, and it goes on where it was stopped.

    The words printed in the pictures are read for the first model only. Raises `EvaluationError` with what the
    command said.
    """
    workplace = settings.index_dir / WORKPLACE
    workplace.mkdir(parents=True, exist_ok=True)
    kept = workplace / f"{settings.collection}.json"
    report = workplace / f"{settings.collection}.report.json"
    words = [] if first else ["--no-words"]
    chosen = ["--model", settings.model, "--device", settings.device, "--collection", settings.collection]
    command = [sys.executable, "-m", "search_app", "index", str(folder), *chosen, *words, "--json", str(report)]
    status, memory_mb, said = _run(command)
    if status:
        raise EvaluationError(said)
    done = json.loads(report.read_text(encoding="utf-8"))
    if done["indexed"] or not kept.exists():
        rate = done["images_per_second"] if done["indexed"] else None
        kept.write_text(json.dumps({"images_per_second": rate, "memory_mb": memory_mb}), encoding="utf-8")
    return _Indexed(**json.loads(kept.read_text(encoding="utf-8")))


def _run(command: list[str]) -> tuple[int, float, str]:
    """Exit status, most memory in MB and the last line of what went wrong; progress passes through."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    last = ""
    for line in process.stderr or ():
        sys.stderr.write(line)
        last = line.strip() or last
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    # Linux counts in KiB, macOS in bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    return process.returncode, usage.ru_maxrss * unit / 1e6, last


def _texts(suite: Suite) -> list[str]:
    return [text for about in suite.sections for text in about.topics.values()]


def _quality(suite: Suite, result: SuiteResult) -> dict[str, Estimate]:
    """The headline of the first sections; all others are in the tables below."""
    found = {}
    for about in suite.sections[:_SECTIONS]:
        report = result.reports[about.name]
        measure = headline(list(report.measures))
        found[f"{about.name} {measure}"] = report.measures[measure]
    return found


def _write(
    arguments: argparse.Namespace, report: SuiteReport, rows: Mapping[str, ModelRow], table: TextTable, folder: Path
) -> None:
    command = command_line()
    if arguments.json is not None:
        models = {name: row.to_json() for name, row in rows.items()}
        content = {"command": command, "models": models, **report.to_json()}
        arguments.json.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    if arguments.html is not None:
        head = PageHead("Which model?", command, table)
        write_page(arguments.html, head, report.sections(), thumbnails(folder))
