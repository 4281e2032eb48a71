"""`index SOURCE`: make the collection mirror a folder of pictures, or another source of them."""

import argparse
import json
from contextlib import closing
from pathlib import Path

from search_app.cli.index_source import add_source, engine_of, read_by, source_of
from search_app.cli.index_target import Target, add_into, target_of
from search_app.cli.index_watch import add_watch, follow_folder, watched
from search_app.cli.options import Subparsers, add_model_options
from search_app.cli.plain import plain
from search_app.cli.progress import TerminalProgress
from search_app.cli.skipped import SHOWN_SKIPPED, list_skipped
from search_app.datatypes import EncoderSpec
from search_app.encoders.base import Encoder
from search_app.ingest.engine import MakeEngine
from search_app.ingest.pipeline import IngestOptions, run_ingest
from search_app.ingest.report import IngestReport, MetadataReport, WordsReport
from search_app.ingest.words_pass import WordsParts, run_words
from search_app.sources.base import Source
from search_app.wiring import open_encoder, open_words

_IN_REPORT = "; --json REPORT lists all"


def add_parser(commands: Subparsers) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "index",
        help="embed the pictures of a folder, or of another source, and store them",
        description="Make the collection mirror SOURCE: new and changed pictures are embedded, renamed ones keep their "
        "id, vanished ones are removed. Then the words printed in them are read, while the pictures are searchable "
        "already. Run it again at any time; unchanged pictures cost nothing.",
    )
    add_source(parser)
    add_model_options(parser)
    add_into(parser)
    add_watch(parser)
    parser.add_argument("--rebuild", action="store_true", help="embed everything again, also with another model")
    parser.add_argument("--strict", action="store_true", help="exit 1 when a file could not be used")
    parser.add_argument("--no-words", action="store_true", help="do not read the words in the pictures (SEARCH_WORDS)")
    parser.add_argument(
        "--metadata",
        type=Path,
        metavar="FILE",
        help="CSV with a header or JSON Lines about the pictures, named by `path`: what to filter and count by",
    )
    parser.add_argument("--json", type=Path, metavar="REPORT", help="write the report to this file")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Index, read words and report; 0 when every readable picture is searchable."""
    target = target_of(arguments)
    settings = target.settings
    # Opened first, so that a package that is missing is told before the work, not after it.
    parts = open_words(settings) if settings.words == "on" and not arguments.no_words else None
    make_engine = engine_of(arguments, settings)
    source = source_of(arguments, settings)
    folder = watched(arguments, source)
    notes = settings.index_dir / f"in-flight-{target.collection}.log"
    options = IngestOptions(
        max_pixels=settings.max_pixels,
        workers=settings.workers,
        rebuild=arguments.rebuild,
        metadata=arguments.metadata,
        in_flight=notes,
        words=parts.spec.fingerprint if parts is not None else "",
    )
    if parts is not None:
        parts = read_by(arguments, parts, notes.with_suffix(".words.log"))
    with closing(open_encoder(settings)) as encoder:
        report = _index(options, target, source, encoder, make_engine)
        _print(report)
        _write(arguments.json, report, None)
        if folder is not None:
            return follow_folder(arguments, target, folder, encoder, parts)
    words = None
    if parts is not None:
        words = _read_words(target, parts, encoder.spec, source, report.total)
        _write(arguments.json, report, words)
    if arguments.into is not None:
        print(f"nobody is answered from it yet: `python -m search_app alias switch {arguments.into}` does that")
    has_complaints = bool(report.skipped or (words is not None and words.failed))
    return 1 if has_complaints and arguments.strict else 0


def _index(
    options: IngestOptions, target: Target, source: Source, encoder: Encoder, make_engine: MakeEngine
) -> IngestReport:
    with TerminalProgress("indexing", "pictures") as progress:
        return run_ingest(source, encoder, target.store(), options, progress, make_engine)


def _read_words(target: Target, parts: WordsParts, spec: EncoderSpec, source: Source, pictures: int) -> WordsReport:
    def show(done: int, total: int, failed: int) -> None:
        if total and not done:
            print(f"reading the words printed in {total} of them, which are searchable already", flush=True)
        progress(done, total, failed)

    try:
        with TerminalProgress("reading words", "pictures") as progress:
            words = run_words(source, parts, spec, target.store(), show)
    finally:
        parts.close()
    again = f"{words.read} read in {words.seconds:.1f} s, " if words.read else ""
    print(f"words: {again}{words.unchanged} unchanged; {words.with_words} of {pictures} pictures carry words")
    list_skipped(words.failed, "words not read", all_of_them=_IN_REPORT)
    return words


def _write(path: Path | None, report: IngestReport, words: WordsReport | None) -> None:
    if path is not None:
        whole = {**report.to_json(), "words": None if words is None else words.to_json()}
        path.write_text(json.dumps(whole, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _print(report: IngestReport) -> None:
    counts = [
        f"{report.indexed} embedded",
        f"{report.unchanged} unchanged",
        *([f"{report.renamed} renamed"] if report.renamed else []),
        *([f"{report.removed} removed"] if report.removed else []),
        *([f"{report.described} looked at again"] if report.described else []),
        *([f"{len(report.skipped)} skipped"] if report.skipped else []),
    ]
    rate = f", {report.images_per_second:.1f} pictures a second" if report.indexed else ""
    print(f"{report.folder}: {', '.join(counts)} in {report.seconds:.1f} s{rate}")
    list_skipped(report.skipped, "skipped", all_of_them=_IN_REPORT)
    if report.metadata is not None:
        _print_metadata(report.metadata)
    print(f"collection {report.collection!r} holds {report.total} pictures, searchable with {report.model}", flush=True)


def _print_metadata(metadata: MetadataReport) -> None:
    unknown = f"; {metadata.unknown} lines are about no picture of the folder" if metadata.unknown else ""
    fields = ", ".join(metadata.fields) or "none"
    print(f"metadata: {metadata.pictures} pictures have fields ({fields}){unknown}")
    for path in metadata.first_unknown[:SHOWN_SKIPPED]:
        print(f"  no picture {plain(path)}")
    if metadata.unknown > SHOWN_SKIPPED:
        print(f"  ... and {metadata.unknown - SHOWN_SKIPPED} more; --json REPORT lists the first thousand")
