"""Pictures with their heat maps, for `benchmarks.heat_map` and for the docs."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from benchmarks.heat_map_trials import load
from search_app.encoders.base import Encoder
from search_app.search.heat_map import HeatMap, heat_map

SAMPLE = Path(__file__).resolve().parents[1] / "sample" / "images"
SHOWN = (
    ("a guitar", "music/acoustic-guitar.jpg"),
    ("a hot dog", "food/hot-dog-stand.jpg"),
    ("a glass of beer", "drinks/beer-garden.jpg"),
    ("ice cream", "sweets/sweet-table.webp"),
)
"""Queries and posters for the docs: all in the public domain (sample/CREDITS.md)."""
TILE = 300
CAPTION = 26
RED = (235, 20, 10)
STRENGTH = 170
"""Of 255: how red the hottest place is."""


def draw_sample(out: Path, encoder: Encoder) -> None:
    """The picture of docs/explain.md."""
    drawn = sheet(encoder, [(query, SAMPLE / name) for query, name in SHOWN], columns=len(SHOWN), pairs=False)
    drawn.save(out, quality=85, optimize=True)


def draw_sheet(out: Path, encoder: Encoder, shown: Sequence[tuple[str, Path]]) -> None:
    """Queries and pictures, each picture beside its map, to be judged by eye."""
    sheet(encoder, shown, columns=4, pairs=True).save(out)


def sheet(encoder: Encoder, shown: Sequence[tuple[str, Path]], *, columns: int, pairs: bool) -> Image.Image:
    """One tile a query, with its text below; with `pairs` the bare picture stands to the left."""
    width = TILE * (2 if pairs else 1)
    rows = -(-len(shown) // columns)
    canvas = Image.new("RGB", (columns * width, rows * (TILE + CAPTION)), "white")
    pen, font = ImageDraw.Draw(canvas), ImageFont.load_default(15)
    for number, (text, path) in enumerate(shown):
        left, top = number % columns * width, number // columns * (TILE + CAPTION)
        image = load(path, encoder)
        [query] = encoder.encode_texts([text])
        tiles = [image] if pairs else []
        for place, tile in enumerate([*tiles, overlay(image, heat_map(image, encoder, query))]):
            tile = tile.copy()  # noqa: PLW2901 - the picture itself stays as large as it is
            tile.thumbnail((TILE - 6, TILE - 6))
            canvas.paste(tile, (left + place * TILE + (TILE - tile.width) // 2, top + (TILE - tile.height) // 2))
        pen.text((left + width // 2, top + TILE + CAPTION // 2), text, "black", font, anchor="mm")
    return canvas


def overlay(image: Image.Image, found: HeatMap) -> Image.Image:
    """The picture in grey, the redder the hotter: its own colours would be taken for heat."""
    heat = Image.fromarray((STRENGTH * found.heat).astype(np.uint8)).resize(image.size, Image.Resampling.BICUBIC)
    return Image.composite(Image.new("RGB", image.size, RED), image.convert("L").convert("RGB"), heat)
