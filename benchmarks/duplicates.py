"""`python -m benchmarks.duplicates FOLDER [--json OUT]`: how well copies of pictures are found, change by change.

Makes copies of the pictures in FOLDER, changed in many ways, in a temporary folder, indexes all with `lite` in memory
and groups the originals with the copies of one change at a time: by the rule of the product, by the perceptual hash
alone and by the vector alone. Then lists what is joined among the originals themselves: look whether it is right.
With `--no-copies` only that is done.
"""

import argparse
import io
import json
import math
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageOps

from search_app.datatypes import FloatMatrix
from search_app.images.decode import decode_image
from search_app.images.scan import scan_images
from search_app.index.base import IndexReader
from search_app.ingest.copies import Looks, group_copies
from search_app.ingest.copies_pass import looks_of
from search_app.ingest.pipeline import IngestOptions, run_ingest
from search_app.settings import load_settings
from search_app.wiring import open_encoder
from search_app.wiring_index import open_memory_store

ORIGINALS = "0"
"""Folder of the originals: sorts before the changes, so that originals get the smaller ids."""
MOST_BITS = 10
LEAST_COSINE = 0.9
MAX_PIXELS = 178_956_970


def jpeg(image: Image.Image, quality: int = 85) -> bytes:
    """Saved with losses."""
    return saved(image, "JPEG", quality)


def saved(image: Image.Image, format_name: str, quality: int = 80) -> bytes:
    """The bytes of a file."""
    buffer = io.BytesIO()
    image.save(buffer, format_name, quality=quality)
    return buffer.getvalue()


def scaled(image: Image.Image, across: float, down: float) -> bytes:
    """Resized, then saved with losses."""
    size = (max(1, round(image.width * across)), max(1, round(image.height * down)))
    return jpeg(image.resize(size, Image.Resampling.LANCZOS))


def cropped(image: Image.Image, share: float) -> bytes:
    """Without this share of each side, then saved with losses."""
    x, y = round(image.width * share), round(image.height * share)
    return jpeg(image.crop((x, y, image.width - x, image.height - y)))


def framed(image: Image.Image, share: float, colour: str) -> bytes:
    """With a border of this share of the shorter side, then saved with losses."""
    return jpeg(ImageOps.expand(image, max(1, round(share * min(image.size))), colour))


def partly_replaced(image: Image.Image, share: float) -> bytes:
    """With something else in this share of the area, to the lower right: the picture itself, small, on its head."""
    size = (max(1, round(image.width * share**0.5)), max(1, round(image.height * share**0.5)))
    other = image.copy()
    place = (round(0.8 * (image.width - size[0])), round(0.8 * (image.height - size[1])))
    other.paste(ImageOps.flip(image).resize(size), place)
    return jpeg(other)


CHANGES: dict[str, Callable[[Image.Image], bytes]] = {
    "JPEG, quality 90": lambda image: jpeg(image, 90),
    "JPEG, quality 60": lambda image: jpeg(image, 60),
    "JPEG, quality 30": lambda image: jpeg(image, 30),
    "PNG": lambda image: saved(image, "PNG"),
    "WebP, quality 80": lambda image: saved(image, "WEBP"),
    "resized to 75 %": lambda image: scaled(image, 0.75, 0.75),
    "resized to 50 %": lambda image: scaled(image, 0.5, 0.5),
    "resized to 25 %": lambda image: scaled(image, 0.25, 0.25),
    "stretched by 10 %": lambda image: scaled(image, 1.1, 1),
    "brighter by 25 %": lambda image: jpeg(ImageEnhance.Brightness(image).enhance(1.25)),
    "darker by 20 %": lambda image: jpeg(ImageEnhance.Brightness(image).enhance(0.8)),
    "more contrast, 25 %": lambda image: jpeg(ImageEnhance.Contrast(image).enhance(1.25)),
    "less contrast, 25 %": lambda image: jpeg(ImageEnhance.Contrast(image).enhance(0.75)),
    "grey": lambda image: jpeg(image.convert("L")),
    "cropped, 2 % a side": lambda image: cropped(image, 0.02),
    "cropped, 5 % a side": lambda image: cropped(image, 0.05),
    "cropped, 10 % a side": lambda image: cropped(image, 0.1),
    "white border of 2 %": lambda image: framed(image, 0.02, "white"),
    "black border of 5 %": lambda image: framed(image, 0.05, "black"),
    "mirrored": lambda image: jpeg(ImageOps.mirror(image)),
    "2 % replaced": lambda image: partly_replaced(image, 0.02),
    "10 % replaced": lambda image: partly_replaced(image, 0.1),
    "30 % replaced": lambda image: partly_replaced(image, 0.3),
}


@dataclass(frozen=True, slots=True, eq=False)
class Indexed:
    """All pictures, row by row in the order of their ids."""

    changes: NDArray[np.str_]
    sources: NDArray[np.str_]
    looks: Looks
    vectors: FloatMatrix

    def rows(self, *changes: str) -> NDArray[np.int64]:
        """Of these changes."""
        return np.flatnonzero(np.isin(self.changes, changes))


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="pictures, none of them twice")
    parser.add_argument("--no-copies", action="store_true", help="only list what is joined among the pictures")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the figures to this file")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        make_copies(arguments.folder, Path(place), {} if arguments.no_copies else CHANGES)
        indexed = index(Path(place))
    figures = {change: measured(indexed, change) for change in CHANGES if change in indexed.changes}
    for change, ways in figures.items():
        print(f"| {change} | {' | '.join(as_text(way) for way in ways.values())} |")
    joined = {way: list(false_joins(indexed, way)) for way in WAYS}
    for way, pairs in joined.items():
        print(f"{way}: {len(pairs)} of {len(indexed.rows(ORIGINALS))} originals joined to another")
        for first, second in pairs:
            print(f"  {first}  {second}")
    if arguments.json:
        arguments.json.write_text(json.dumps({"changes": figures, "originals": joined}, indent=2) + "\n", "utf-8")
    return 0


def make_copies(folder: Path, place: Path, changes: Mapping[str, Callable[[Image.Image], bytes]]) -> None:
    """Fill a folder for each change; names say nothing of the format, which the content tells."""
    for ref in scan_images(folder).found:
        original = place / ORIGINALS / ref.path
        original.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folder / ref.path, original)
        image = decode_image(original, max_pixels=MAX_PIXELS).image if changes else None
        for change, make in changes.items():
            copy = place / change / ref.path
            copy.parent.mkdir(parents=True, exist_ok=True)
            assert image is not None  # noqa: S101 - for the type checker
            copy.write_bytes(make(image))


def index(place: Path) -> Indexed:
    """Index all of it with `lite`, as the product does."""
    settings = load_settings(model="lite")
    store, encoder = open_memory_store(settings), open_encoder(settings)
    run_ingest(place, encoder, store, IngestOptions(MAX_PIXELS), tell)
    reader: IndexReader = store.reader()
    known = list(reader.scan())
    vectors = reader.vectors([item.id for item in known])
    parts = [item.picture.path.split("/", 1) for item in known]
    return Indexed(
        changes=np.array([change for change, _ in parts]),
        sources=np.array([source for _, source in parts]),
        looks=looks_of(known),
        vectors=np.stack([vectors[item.id] for item in known]),
    )


def tell(done: int, total: int, _skipped: int) -> None:
    """Where the work stands, now and then."""
    if done % 512 == 0 or done == total:
        print(f"{done} of {total} indexed", file=sys.stderr)


def by_rule(indexed: Indexed, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """The head of each row, as the product groups."""
    looks = indexed.looks
    colours = None if looks.colours is None else looks.colours[rows]
    chosen = Looks(rows, [looks.contents[row] for row in rows], looks.hashes[rows], looks.shapes[rows], colours)
    heads = group_copies(chosen, lambda ids: {row: indexed.vectors[row] for row in ids})
    return np.array([heads.get(row, row) for row in rows.tolist()])


def by_hash(indexed: Indexed, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """By the perceptual hash of the whole picture alone."""
    hashes = indexed.looks.hashes[rows, 0]
    return stars(rows, lambda at: np.bitwise_count(hashes ^ hashes[at]) <= MOST_BITS)


def by_vector(indexed: Indexed, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """By the cosine alone."""
    vectors = indexed.vectors[rows]
    return stars(rows, lambda at: vectors @ vectors[at] >= LEAST_COSINE)


def stars(rows: NDArray[np.int64], matches: Callable[[int], NDArray[np.bool_]]) -> NDArray[np.int64]:
    """Give each row to the first earlier head that it matches."""
    heads = np.full(len(rows), -1)
    for at in range(len(rows)):
        if heads[at] < 0:
            heads[matches(at) & (heads < 0)] = at
            heads[at] = at
    return rows[heads]


WAYS = {
    "this rule": by_rule,
    f"hash, at most {MOST_BITS} bits": by_hash,
    f"cosine, at least {LEAST_COSINE}": by_vector,
}


def measured(indexed: Indexed, change: str) -> dict[str, dict[str, float]]:
    """Recall and precision of each way over the originals and the copies of one change, with 95 % intervals."""
    rows = indexed.rows(ORIGINALS, change)
    is_copy = indexed.changes[rows] == change
    figures = {}
    for name, way in WAYS.items():
        heads = way(indexed, rows)
        original_heads = dict(zip(indexed.sources[rows[~is_copy]], heads[~is_copy], strict=True))
        own = np.array([original_heads[source] for source in indexed.sources[rows[is_copy]]])
        right = int((heads[is_copy] == own).sum())
        # A head of the same source is never wrong, whatever became of the original itself.
        joined = heads[is_copy] != rows[is_copy]
        wrong = int((joined & (indexed.sources[heads[is_copy]] != indexed.sources[rows[is_copy]])).sum())
        figures[name] = {
            **share("recall", right, int(is_copy.sum())),
            **share("precision", int(joined.sum()) - wrong, int(joined.sum())),
        }
    return figures


def share(name: str, hits: int, of: int) -> dict[str, float]:
    """A share with its score interval (Wilson 1927); a bootstrap would call a share of 1 certain."""
    if not of:
        return {name: math.nan, f"{name}_low": 0.0, f"{name}_high": 1.0, f"{name}_of": of}
    z = 1.96
    value = hits / of
    centre = (value + z * z / (2 * of)) / (1 + z * z / of)
    half = z / (1 + z * z / of) * math.sqrt(value * (1 - value) / of + z * z / (4 * of * of))
    return {name: value, f"{name}_low": max(0.0, centre - half), f"{name}_high": centre + half, f"{name}_of": of}


def as_text(figures: Mapping[str, float]) -> str:
    """Recall and precision with their intervals."""
    return " | ".join(
        f"{figures[name]:.3f} ({figures[f'{name}_low']:.3f} to {figures[f'{name}_high']:.3f})"
        if figures[f"{name}_of"]
        else "none joined"
        for name in ("recall", "precision")
    )


def false_joins(indexed: Indexed, way: str) -> Iterator[tuple[str, str]]:
    """Originals that a way joins with an earlier one."""
    rows = indexed.rows(ORIGINALS)
    for row, head in zip(rows, WAYS[way](indexed, rows), strict=True):
        if row != head:
            yield str(indexed.sources[head]), str(indexed.sources[row])


if __name__ == "__main__":
    raise SystemExit(main())
