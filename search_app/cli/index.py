"""`index FOLDER`: make the collection mirror a folder of pictures."""

import argparse
import json
from pathlib import Path

from search_app.cli.options import Subparsers, add_model_options, settings_from
from search_app.cli.progress import TerminalProgress
from search_app.ingest.pipeline import IngestOptions, run_ingest
from search_app.ingest.report import IngestReport
from search_app.wiring import open_encoder, open_store

SHOWN_SKIPPED = 20


def add_parser(commands: Subparsers) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "index",
        help="embed the pictures of a folder and store them",
        description="Make the collection mirror FOLDER: new and changed pictures are embedded, renamed ones keep their "
        "id, vanished ones are removed. Run it again at any time; unchanged pictures cost nothing.",
    )
    parser.add_argument("folder", nargs="?", type=Path, metavar="FOLDER", help="default: SEARCH_DATA_DIR")
    add_model_options(parser)
    parser.add_argument("--rebuild", action="store_true", help="embed everything again, also with another model")
    parser.add_argument("--strict", action="store_true", help="exit 1 when a file could not be used")
    parser.add_argument("--json", type=Path, metavar="REPORT", help="write the report to this file")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Index and report; 0 when every readable picture is searchable."""
    settings = settings_from(arguments)
    store = open_store(settings)
    encoder = open_encoder(settings)
    options = IngestOptions(settings.max_pixels, settings.workers, arguments.rebuild)
    try:
        with TerminalProgress("indexing", "pictures") as progress:
            report = run_ingest(arguments.folder or settings.data_dir, encoder, store, options, progress)
    finally:
        encoder.close()
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(report.to_json(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    _print(report)
    return 1 if report.skipped and arguments.strict else 0


def _print(report: IngestReport) -> None:
    counts = [
        f"{report.indexed} embedded",
        f"{report.unchanged} unchanged",
        *([f"{report.renamed} renamed"] if report.renamed else []),
        *([f"{report.removed} removed"] if report.removed else []),
        *([f"{len(report.skipped)} skipped"] if report.skipped else []),
    ]
    rate = f", {report.images_per_second:.1f} pictures a second" if report.indexed else ""
    print(f"{report.folder}: {', '.join(counts)} in {report.seconds:.1f} s{rate}")
    for item in report.skipped[:SHOWN_SKIPPED]:
        print(f"  skipped {item.path}: {item.reason}")
    if len(report.skipped) > SHOWN_SKIPPED:
        print(f"  ... and {len(report.skipped) - SHOWN_SKIPPED} more; --json REPORT lists all")
    print(f"collection {report.collection!r} holds {report.total} pictures, searchable with {report.model}")
