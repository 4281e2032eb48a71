"""Layouts that stage the product in a lit room: spotlight, dark premium, podium, shop window."""

import numpy as np
from PIL import ImageDraw

from sample.compose import grounds
from sample.compose.canvas import Box, Canvas
from sample.compose.colours import WHITE, mix
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


def spotlight(job: Job) -> Canvas:
    """A pool of light on a dark wall, the product standing in it."""
    colours, (width, height) = job.palette, job.size
    text, box, align = regions(job, text_last=job.rng.random() < 0.3)
    x, y = box.middle
    middle = ((x - width / 2) / job.short, (y - height / 2) / job.short)
    glow = mix(colours.base, colours.pale, 0.22)
    ground = grounds.radial(job.size, glow, mix(colours.shade, colours.dark, 0.3), middle, (0.05, 0.72))
    foot = (box.bottom - height / 2) / job.short - 0.03
    ground = grounds.lit(ground, job.size, mix(colours.base, colours.pale, 0.5), (middle[0], foot, 0.5, 0.12))
    canvas = Canvas(grounds.finish(ground, job.rng))
    ground_shadow(canvas, x, box.bottom - 6, box.w * 0.6, 0.35)
    group(canvas, job.cutouts, box)
    inks = (colours.pale, *colours.inks)
    at = (text.x if align == "left" else width / 2, job.short * 0.065)
    brand_mark(canvas, job, at, align, inks)
    look = look_on(colours, colours.pale, colours.pale, colours.accent, colours.dark)
    column(canvas, job, text.inset(0, 2), look, (align, 0.5 if align == "left" else 0.15))
    offer(canvas, job, (box.right - 40, box.y + 40), colours.accent)
    return canvas


def premium(job: Job) -> Canvas:
    """Near-black with a rim of light, fine lines and wide-set capitals."""
    colours, (width, height) = job.palette, job.size
    text, box, align = regions(job, 0.33, text_last=True)
    x, y = box.middle
    middle = ((x - width / 2) / job.short, (y - height / 2) / job.short)
    halo = mix(colours.base, colours.accent, 0.38)
    ground = grounds.radial(job.size, halo, mix(colours.dark, (0, 0, 0), 0.35), middle, (0.0, 0.62))
    foot = (box.bottom - height / 2) / job.short - 0.02
    ground = grounds.lit(ground, job.size, mix(colours.accent, colours.base, 0.3), (middle[0], foot, 0.46, 0.075))
    canvas = Canvas(grounds.finish(ground, job.rng))
    ground_shadow(canvas, x, box.bottom - 4, box.w * 0.55, 0.45)
    group(canvas, job.cutouts, box)
    gold = (colours.accent, colours.pale, *colours.inks)
    top = job.short * 0.065
    if align == "left":
        mark = brand_mark(canvas, job, (text.x, top), "left", gold)
        rule(canvas, text.x, mark.bottom + 12, 54, colours.accent)
    else:
        mark = brand_mark(canvas, job, (width / 2, top), "middle", gold)
        for side in (mark.x - 16 - 58, mark.right + 16):
            rule(canvas, side, mark.y + mark.h / 2, 58, colours.accent)
    look = look_on(colours, colours.pale, mix(colours.pale, colours.accent, 0.25), colours.accent, colours.dark)
    column(canvas, job, text, look, (align, 0.62 if align == "left" else 1))
    offer(canvas, job, (width - 60, top + 70), colours.accent, job.short * 0.1)
    return canvas


def podium(job: Job) -> Canvas:
    """A round stage in a pastel room, an arch of light behind."""
    colours, (width, height) = job.palette, job.size
    text, box, align = regions(job, 0.28)
    x = box.middle[0]
    rise = job.short * 0.11
    wide = min(box.w * 0.94, job.short * 0.84)
    wall = (mix(colours.base, WHITE, 0.25), colours.base)
    floor = (mix(colours.base, colours.shade, 0.28), mix(colours.base, colours.shade, 0.5))
    ground = grounds.room(job.size, wall, floor, (box.bottom - rise * 1.7) / height)
    canvas = Canvas(grounds.finish(ground, job.rng))
    disc = min(box.w * 0.98, box.h * 0.98)
    ellipse(
        canvas,
        Box(x - disc / 2, box.bottom - rise - disc * 0.96, disc, disc),
        mix(colours.base, colours.pale, 0.72),
        0.85,
    )
    base = box.bottom - rise * 0.62
    ground_shadow(canvas, x, base + rise * 0.6, wide * 1.1, 0.3)
    _stage(canvas, Box(x - wide / 2, base - wide * 0.1, wide, wide * 0.2), rise * 0.52, job)
    group(canvas, job.cutouts, Box(x - wide * 0.48, box.y, wide * 0.96, box.h - rise * 0.72))
    at = (text.x if align == "left" else width / 2, job.short * 0.065)
    brand_mark(canvas, job, at, align, (colours.accent, *colours.inks))
    look = look_on(colours, colours.accent, colours.dark, colours.accent, colours.pale)
    column(canvas, job, text, look, (align, 0.5 if align == "left" else 0.1))
    offer(canvas, job, (box.right - 30, box.y + 50), colours.accent)
    return canvas


def _stage(canvas: Canvas, top: Box, depth: float, job: Job) -> None:
    """Draws a flat cylinder: its side shaded, its top light."""
    colours = job.palette
    side = mix(colours.pale, colours.shade, 0.34)

    def paint(draw: ImageDraw.ImageDraw, factor: float) -> None:
        for step in np.linspace(0, depth, 24).tolist():
            draw.ellipse([edge * factor for edge in (top.x, top.y + step, top.right, top.bottom + step)], fill=255)

    canvas.shape(paint, side)
    ellipse(canvas, top, mix(colours.pale, colours.base, 0.14))
    ellipse(canvas, top.inset(7, 3), mix(colours.pale, colours.base, 0.04))


def window(job: Job) -> Canvas:
    """A bright shop window above a solid band that carries the words."""
    colours, (width, height) = job.palette, job.size
    share = 0.37
    edge = height * (1 - share)
    margin = job.short * 0.065
    wall = (mix(colours.pale, WHITE, 0.5), mix(colours.pale, colours.base, 0.28))
    floor = (mix(colours.pale, colours.base, 0.45), mix(colours.pale, colours.base, 0.12))
    ground = grounds.room(job.size, wall, floor, (1 - share) * 0.72)
    canvas = Canvas(grounds.finish(ground, job.rng))
    brand_mark(canvas, job, (margin, margin), "left", (colours.shade, colours.dark))
    box = Box(margin, margin + 30, width - 2 * margin, edge - margin - 30 - margin * 0.7)
    ground_shadow(canvas, width / 2, box.bottom - 6, box.w * 0.5, 0.16)
    group(canvas, job.cutouts, box)
    panel(canvas, Box(-4, edge - 3, width + 8, height), (0, 0, 0), 0, 0.25, soft=5)
    panel(canvas, Box(-4, edge, width + 8, height), text_ground(colours, 0.3))
    panel(canvas, Box(-4, edge, width + 8, 6), colours.accent)
    look = look_on(colours, colours.pale, colours.pale, colours.accent, colours.dark)
    text = Box(margin, edge + margin * 0.75 + 4, width - 2 * margin, height - edge - margin * 1.6 - 4)
    column(canvas, job, text, look, ("left", 0.5))
    offer(canvas, job, (width - margin - 60, edge - 20), colours.accent)
    return canvas
