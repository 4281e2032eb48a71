"""What an index run reads, and what computes: the options of `index` about both."""

import argparse
from dataclasses import replace
from pathlib import Path

from search_app.errors import SettingsError
from search_app.ingest.engine import LocalEngine, MakeEngine
from search_app.ingest.words_pass import WordsParts
from search_app.settings import Settings
from search_app.sources.base import Source
from search_app.sources.opening import open_source
from search_app.wiring import noted_words, ray_engine, ray_words


def add_source(parser: argparse.ArgumentParser) -> None:
    """Add SOURCE, --engine, --address and --actors."""
    parser.add_argument(
        "folder",
        nargs="?",
        metavar="SOURCE",
        help="a folder; s3://BUCKET/PREFIX, gs:// or http(s)://; a list (.csv, .jsonl, .parquet) of paths or "
        "addresses; WebDataset shards (.tar); default: SEARCH_DATA_DIR",
    )
    parser.add_argument(
        "--engine", choices=["local", "ray"], default="local", help="what embeds: this process, or Ray on many machines"
    )
    parser.add_argument("--address", metavar="ADDRESS", help="of a running Ray cluster; default: Ray on this machine")
    parser.add_argument(
        "--actors", type=int, metavar="N", help="models that Ray has at work; default: one a GPU, or one for two cores"
    )


def source_of(arguments: argparse.Namespace, settings: Settings) -> Source:
    """Open what is to be indexed; raises `IngestError` where it is no source."""
    return open_source(arguments.folder or str(settings.data_dir))


def engine_of(arguments: argparse.Namespace, settings: Settings) -> MakeEngine:
    """What embeds; raises `SettingsError` for options of Ray without it, and `MissingDependency`."""
    if arguments.engine == "local":
        if arguments.address or arguments.actors is not None:
            raise SettingsError("--address and --actors are for --engine ray: add that, or leave them out")
        return LocalEngine
    if arguments.actors is not None and arguments.actors < 1:
        raise SettingsError(f"--actors {arguments.actors}: at least one is needed")
    return ray_engine(settings, arguments.address or "", arguments.actors or 0)


def read_by(arguments: argparse.Namespace, words: WordsParts, notes: Path) -> WordsParts:
    """The same parts, where what embeds reads the printed words too; here it notes what it reads."""
    if arguments.engine == "local":
        return replace(words, make_engine=noted_words(notes))
    return replace(words, make_engine=ray_words(arguments.address or "", arguments.actors or 0))
