"""Layouts of the picture pages: full-bleed magazine, collage of tiles, photograph, still life without words."""

import numpy as np
from PIL import Image, ImageOps

from sample.compose import grounds
from sample.compose.canvas import SCALE, Box, Canvas
from sample.compose.colours import Colour, Pixels, mix
from sample.compose.errors import ComposeError
from sample.compose.layouts.parts import (
    Job,
    brand_mark,
    column,
    ground_shadow,
    group,
    look_on,
    offer,
    regions,
    text_ground,
)
from sample.compose.ornaments import ellipse, panel, rule


def magazine(job: Job) -> Canvas:
    """A full-bleed glow with lights out of focus, a big headline and a fine rule."""
    colours, (width, height) = job.palette, job.size
    text, box, align = regions(job, 0.37)
    x, y = box.middle
    middle = ((x - width / 2) / job.short, (y - height / 2) / job.short + 0.06)
    glow = mix(colours.base, colours.pale, 0.5)
    ground = grounds.radial(job.size, glow, text_ground(colours, 0.25), middle, (0.05, 0.52))
    ground = grounds.bokeh(job.size, ground, colours.pale, job.rng)
    canvas = Canvas(grounds.finish(ground, job.rng))
    ground_shadow(canvas, box.middle[0], box.bottom - 5, box.w * 0.55, 0.2)
    group(canvas, job.cutouts, box)
    mark = brand_mark(canvas, job, (text.x, job.short * 0.065), "left", (colours.pale, *colours.inks))
    end = text.right if align == "left" else width - text.x
    if end - mark.right > 40:
        rule(canvas, mark.right + 16, mark.y + mark.h / 2, end - mark.right - 16, mix(colours.base, colours.pale, 0.7))
    look = look_on(colours, colours.pale, colours.pale, colours.pale, colours.dark)
    column(canvas, job, text, look, ("left", 0.4 if align == "left" else 0.1))
    offer(canvas, job, (width - 64, height - 66), colours.accent)
    return canvas


def collage(job: Job) -> Canvas:
    """Tiles of colour with one object each, and one tile for the words."""
    colours, (width, height) = job.palette, job.size
    gap = 10.0
    back = mix(colours.pale, (255, 255, 255), 0.4)
    canvas = Canvas(grounds.finish(grounds.linear(job.size, back, back), job.rng, 1.0))
    cells = _tiles(Box(gap, gap, width - 2 * gap, height - 2 * gap), len(job.cutouts), gap)
    fills = _tile_colours(job, len(cells) - 1)
    words, *rest = cells
    panel(canvas, words, mix(colours.shade, colours.dark, 0.25), 12)
    for cell, fill, cutout in zip(rest, fills, job.cutouts, strict=True):
        panel(canvas, cell, fill, 12)
        disc = min(cell.w, cell.h) * 0.82
        x, y = cell.middle
        ellipse(canvas, Box(x - disc / 2, y - disc / 2, disc, disc), mix(fill, colours.pale, 0.45), 0.8)
        canvas.place(cutout, cell.inset(14, 14), 0.6)
    inner = words.inset(20, 18)
    mark = brand_mark(canvas, job, (inner.x, inner.y), "left", (colours.accent, *colours.inks))
    look = look_on(colours, colours.pale, colours.pale, colours.accent, colours.dark)
    rest_box = Box(inner.x, mark.bottom + 14, inner.w, inner.bottom - mark.bottom - 14)
    column(canvas, job, rest_box, look, ("left", 0.5))
    return canvas


def _tiles(box: Box, objects: int, gap: float) -> list[Box]:
    """Returns the tile of words and one tile for each of three or four objects, the first the largest.

    Raises:
        ComposeError: There is no plan for so many objects.
    """
    if objects == 3:
        wide, high = (box.w - gap) * 0.58, (box.h - gap) * 0.58
        return [
            Box(box.x, box.y + high + gap, wide, box.h - high - gap),
            Box(box.x, box.y, wide, high),
            Box(box.x + wide + gap, box.y, box.w - wide - gap, box.h - high - gap),
            Box(box.x + wide + gap, box.y + box.h - high, box.w - wide - gap, high),
        ]
    if objects == 4:
        high = (box.h - 2 * gap) / 3
        half = (box.w - gap) / 2
        return [
            Box(box.x, box.y + high + gap, box.w, high),
            Box(box.x, box.y, half, high),
            Box(box.x + half + gap, box.y, half, high),
            Box(box.x, box.bottom - high, half, high),
            Box(box.x + half + gap, box.bottom - high, half, high),
        ]
    raise ComposeError(f"a collage has three or four objects, not {objects}")


def _tile_colours(job: Job, count: int) -> list[Colour]:
    colours = job.palette
    choice = [
        colours.base,
        mix(colours.accent, colours.pale, 0.25),
        mix(colours.base, colours.pale, 0.5),
        mix(colours.shade, colours.pale, 0.35),
    ]
    return choice[:count]


def photograph(job: Job) -> Canvas:
    """A photograph that fades to dark where the words stand: at its calmer end, top or bottom.

    Raises:
        ComposeError: The poster names no photograph.
    """
    if job.photo is None:
        raise ComposeError(f"{job.poster.path} has the layout photograph but names none")
    width, height = job.size
    if job.poster.wordless:
        fitted = ImageOps.fit(job.photo, (width * SCALE, height * SCALE), Image.Resampling.LANCZOS)
        return Canvas(np.asarray(fitted))
    colours = job.palette
    grey = np.asarray(job.photo.convert("L"))
    third = len(grey) // 3
    words_first = float(grey[:third].std()) < float(grey[-third:].std())
    canvas = Canvas(_faded(job.photo, job.size, colours.dark, words_first=words_first))
    margin = job.short * 0.065
    brand_mark(canvas, job, (margin, margin), "left", (colours.pale, *colours.inks))
    look = look_on(colours, colours.pale, colours.pale, colours.accent, colours.dark)
    if words_first:
        text = Box(margin, margin + 44, width - 2 * margin, height * 0.38 - margin - 44)
    else:
        text = Box(margin, height * 0.62, width - 2 * margin, height * 0.38 - margin)
    column(canvas, job, text, look, ("left", 0 if words_first else 1))
    return canvas


def _faded(photo: Image.Image, size: tuple[int, int], dark: Colour, *, words_first: bool) -> Pixels:
    """Fits the photograph into the sheet's part without words and lets it run into the dark of the rest."""
    width, height = size[0] * SCALE, size[1] * SCALE
    share = 0.8
    fitted = ImageOps.fit(photo, (width, round(height * share)), Image.Resampling.LANCZOS)
    sheet = Image.new("RGB", (width, height), dark)
    sheet.paste(fitted, (0, height - fitted.height if words_first else 0))
    down = np.linspace(0, 1, height)[:, None] * np.ones((1, width))
    ends = (1 - grounds.smooth(0.32, 0.5, down)) if words_first else grounds.smooth(0.46, 0.66, down)
    brow = np.zeros_like(down) if words_first else 0.85 * (1 - grounds.smooth(0.1, 0.28, down))
    picture = grounds.blend(np.asarray(sheet).astype(float), dark, np.maximum(ends, brow))
    return np.asarray(picture.astype(np.uint8))


def still(job: Job) -> Canvas:
    """The product alone in a coloured room, without a word."""
    colours, (width, height) = job.palette, job.size
    margin = job.short * 0.08
    wall = (mix(colours.base, colours.pale, 0.35), mix(colours.base, colours.pale, 0.1))
    floor = (mix(colours.base, colours.shade, 0.35), mix(colours.base, colours.shade, 0.1))
    ground = grounds.room(job.size, wall, floor, 0.68)
    ground = grounds.lit(ground, job.size, colours.pale, (-0.1, -0.12, 0.6, 0.5))
    canvas = Canvas(grounds.finish(grounds.vignette(ground, job.size, 0.25), job.rng))
    box = Box(margin, margin, width - 2 * margin, height - 2.2 * margin)
    foot = 0.62 if job.wide else 1.0
    group(canvas, job.cutouts, box, foot)
    return canvas
