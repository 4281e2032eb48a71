"""Composes the sample: `python -m sample.compose --objects DIR --fonts DIR --photos DIR`."""

import argparse
import logging
import shutil
import sys
import tomllib
from pathlib import Path

from sample.compose.credits import write_credits
from sample.compose.errors import ComposeError
from sample.compose.labels import write_labels
from sample.compose.posters import Poster, load_posters
from sample.compose.workshop import TEXTS, Sources, compose, open_sources, save

log = logging.getLogger("sample.compose")


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="python -m sample.compose", description="Composes the bundled sample.")
    parser.add_argument("--objects", type=Path, required=True, help="folder with objects.json and the cut-out objects")
    parser.add_argument("--fonts", type=Path, required=True, help="folder below which the font files lie")
    parser.add_argument("--photos", type=Path, required=True, help="folder skimage/data of scikit-image")
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1], help="where the sample goes")
    parser.add_argument("--seed", type=int, default=7, help="seed of grain, lights and sides (default 7)")
    return parser.parse_args(arguments)


def compose_sample(posters: list[Poster], sources: Sources, out: Path, seed: int) -> None:
    """Replaces the images, labels and credits below a folder.

    Raises:
        ComposeError: A poster breaks a rule; the pictures before it have been written by then.
    """
    shutil.rmtree(out / "images", ignore_errors=True)
    for poster in posters:
        save(compose(poster, sources, seed), out / "images" / poster.path)
        log.info("%s", poster.path)
    topics = tomllib.loads((TEXTS / "topics.toml").read_text(encoding="utf-8"))
    write_labels(posters, topics, out)
    write_credits(posters, sources.catalogue, out / "CREDITS.md")


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; returns its exit status."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    options = parse_arguments(arguments)
    try:
        sources = open_sources(options.objects, options.fonts, options.photos)
        compose_sample(load_posters(TEXTS / "posters"), sources, options.out, options.seed)
    except ComposeError as error:
        log.error("%s", error)  # noqa: TRY400 -- the message names poster and rule; a trace adds nothing
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
