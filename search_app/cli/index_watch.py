"""`index FOLDER --watch`: after the run, follow the folder until Ctrl-C or SIGTERM."""

import argparse
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from search_app.cli.index_target import Target
from search_app.cli.plain import plain
from search_app.cli.skipped import list_skipped
from search_app.encoders.base import Encoder
from search_app.errors import SearchAppError, SettingsError
from search_app.ingest.pipeline import IngestOptions
from search_app.ingest.report import IngestReport
from search_app.ingest.watching.follower import Followed, Follower
from search_app.ingest.watching.watcher import Teller, Watcher
from search_app.ingest.watching.words import Read
from search_app.ingest.words_pass import WordsParts
from search_app.sources.base import Source
from search_app.sources.folder import FolderSource


def add_watch(parser: argparse.ArgumentParser) -> None:
    """Add --watch and --poll."""
    parser.add_argument(
        "--watch",
        action="store_true",
        help="then follow the folder: what comes into it is searchable within seconds; Ctrl-C or SIGTERM ends it",
    )
    parser.add_argument(
        "--poll",
        action="store_true",
        help="with --watch: look at all files again and again, for network file systems, which tell of no changes",
    )


def watched(arguments: argparse.Namespace, source: Source) -> FolderSource | None:
    """The folder to follow after the run, where that is wished for; raises `SettingsError` where it cannot be."""
    if not arguments.watch:
        if arguments.poll:
            raise SettingsError("--poll says how --watch looks for changes: give both, or leave it out")
        return None
    if not isinstance(source, FolderSource):
        raise SettingsError(
            f"--watch follows a folder of this machine, and {source.location} is none: run `index` again instead, now "
            "and then"
        )
    return source


def follow_folder(
    arguments: argparse.Namespace, target: Target, source: FolderSource, encoder: Encoder, words: WordsParts | None
) -> int:
    """Follow a folder that was indexed just now; gives the exit status when the program is told to end.

    `encoder` stays its owner's, `words` are given back here.
    """
    settings = target.settings
    options = IngestOptions(settings.max_pixels, settings.workers, metadata=arguments.metadata)
    try:
        watcher = Watcher(
            Follower(source, encoder, target.store(), options), _Printed(), words, is_polling=arguments.poll
        )
        print(f"watching {source.folder}; Ctrl-C ends it", flush=True)
        with _told_to_stop() as stop:
            watcher.run(stop)
    finally:
        if words is not None:
            words.close()
    print("stopped; what was reported as done is kept", flush=True)
    return 0


@contextmanager
def _told_to_stop() -> Iterator[threading.Event]:
    """Set by the first Ctrl-C or SIGTERM; a second Ctrl-C ends the program at once."""
    stop = threading.Event()

    def tell(_number: int, _frame: FrameType | None) -> None:
        stop.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = {number: signal.signal(number, tell) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Printed(Teller):
    """Says what happens, a line each."""

    def __init__(self) -> None:
        self._read = 0

    def scanned(self, report: IngestReport) -> None:
        """The first look after the run finds nothing, as a rule, and neither do most of the later ones."""
        if report.indexed or report.removed or report.renamed:
            counts = f"{report.indexed} embedded, {report.renamed} renamed, {report.removed} removed"
            print(f"looked at all of it: {counts}; {report.total} pictures", flush=True)
            list_skipped(report.skipped, "skipped")

    def followed(self, what: Followed) -> None:
        """A batch is searchable."""
        counts = (
            ("searchable", len(what.indexed)),
            ("renamed", what.renamed),
            ("removed", what.removed),
            ("skipped", len(what.skipped)),
        )
        names = f": {', '.join(what.indexed[:3])}{', ...' if len(what.indexed) > 3 else ''}" if what.indexed else ""
        print(plain(", ".join(f"{count} {name}" for name, count in counts if count) + names), flush=True)
        list_skipped(what.skipped, "skipped")

    def read(self, what: Read) -> None:
        """Told when nothing is left to read."""
        self._read += what.pictures
        list_skipped(what.failed, "words not read")
        if not what.left:
            print(f"words: {self._read} read", flush=True)
            self._read = 0

    def waits(self, why: SearchAppError) -> None:
        """Nothing can be done now."""
        print(plain(f"waiting: {why}"), flush=True)
