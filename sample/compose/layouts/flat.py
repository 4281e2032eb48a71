"""Layouts of flat colour: split, white card, diagonal, arch."""

from sample.compose import grounds
from sample.compose.canvas import Box, Canvas
from sample.compose.colours import WHITE, mix
from sample.compose.layouts.parts import Job, brand_mark, column, group, look_on, offer, regions, text_ground
from sample.compose.ornaments import ellipse, frame, panel, polygon, ring, rule


def split(job: Job) -> Canvas:
    """Two fields of colour, words on one, the product before a disc on the other."""
    colours, (width, height) = job.palette, job.size
    margin = job.short * 0.065
    ground = grounds.linear(job.size, mix(colours.pale, WHITE, 0.3), mix(colours.pale, colours.base, 0.22), 60)
    canvas = Canvas(grounds.finish(ground, job.rng))
    if job.side_by_side:
        field = Box(-2, -2, width * 0.42 + 2, height + 4)
        box = Box(width * 0.44, margin, width * 0.56 - margin, height - 2 * margin)
        text = Box(margin, margin + 44, width * 0.42 - 2 * margin + 10, height - 2 * margin - 44)
    else:
        edge = height * 0.4
        field = Box(-2, -2, width + 4, edge + 2)
        box = Box(margin, edge + margin * 0.4, width - 2 * margin, height - edge - margin * 1.3)
        text = Box(margin, margin + 34, width - 2 * margin, edge - margin * 1.5 - 34)
    panel(canvas, field, text_ground(colours, 0.18))
    x, y = box.middle
    disc = min(box.w, box.h) * (1.02 if job.side_by_side else 1.0)
    ellipse(canvas, Box(x - disc / 2, y - disc / 2, disc, disc), mix(colours.base, colours.pale, 0.42))
    group(canvas, job.cutouts, box, 0.55 if job.side_by_side else 1.0)
    brand_mark(canvas, job, (margin, margin), "left", (colours.accent, *colours.inks))
    look = look_on(colours, colours.pale, colours.pale, colours.accent, colours.dark)
    column(canvas, job, text, look, ("left", 0.45 if job.side_by_side else 0.4))
    offer(canvas, job, (box.right - 46, box.y + 46), colours.accent)
    return canvas


def card(job: Job) -> Canvas:
    """A white card with a hairline frame on a striped or plain ground."""
    colours, (width, height) = job.palette, job.size
    edge = job.short * 0.055
    second = mix(colours.base, colours.shade, 0.16)
    ground = grounds.stripes(job.size, colours.base, second, 0.075, 45)
    canvas = Canvas(grounds.finish(ground, job.rng, 1.0))
    sheet = Box(edge, edge, width - 2 * edge, height - 2 * edge)
    panel(canvas, Box(sheet.x + 2, sheet.y + 6, sheet.w, sheet.h), (0, 0, 0), 14, 0.35, soft=9)
    panel(canvas, sheet, (254, 253, 250), 14)
    frame(canvas, sheet.inset(9), mix(colours.base, WHITE, 0.25), 1.4, 9)
    inner = sheet.inset(26, 24)
    look = look_on(
        colours,
        mix(colours.shade, colours.base, 0.25),
        colours.dark,
        mix(colours.base, colours.shade, 0.25),
        colours.pale,
    )
    inks = (mix(colours.base, colours.shade, 0.35), colours.dark)
    if job.side_by_side:
        brand_mark(canvas, job, (inner.x, inner.y), "left", inks)
        group(canvas, job.cutouts, Box(inner.x + inner.w * 0.41, inner.y + 4, inner.w * 0.59, inner.h - 8), 0.55)
        column(canvas, job, Box(inner.x, inner.y + 44, inner.w * 0.39, inner.h - 48), look, ("left", 0.5))
    else:
        brand_mark(canvas, job, (width / 2, inner.y), "middle", inks)
        share = inner.h * 0.32
        text = Box(inner.x, inner.bottom - share, inner.w, share)
        column(canvas, job, text, look, ("middle", 1))
        group(canvas, job.cutouts, Box(inner.x, inner.y + 36, inner.w, inner.h - share - 54))
    offer(canvas, job, (inner.right - 34, inner.y + 60), colours.accent)
    return canvas


def diagonal(job: Job) -> Canvas:
    """Slanted bands of colour that run under the product, and an offer in a burst."""
    colours, (width, height) = job.palette, job.size
    text, box, align = regions(job, 0.36)
    start = text_ground(colours, 0.0)
    ground = grounds.linear(job.size, start, mix(start, colours.shade, 0.4), 70)
    canvas = Canvas(grounds.finish(ground, job.rng))
    low, high = (height * 0.98, height * 0.5) if align == "middle" else (height * 0.93, height * 0.2)
    deep = mix(colours.shade, colours.dark, 0.25)
    polygon(canvas, [(0, low - 26), (width, high - 26), (width, high + 10), (0, low + 10)], (0, 0, 0), 0.25, soft=10)
    polygon(canvas, [(0, low - 22), (width, high - 22), (width, height), (0, height)], colours.accent)
    polygon(canvas, [(0, low), (width, high), (width, height), (0, height)], deep)
    polygon(canvas, [(0, low + 46), (width, high + 60), (width, high + 66), (0, low + 50)], colours.accent, 0.8)
    group(canvas, job.cutouts, box)
    at = (text.x, text.y - 36)
    brand_mark(canvas, job, at, "left", (colours.pale, *colours.inks))
    look = look_on(colours, colours.pale, colours.pale, colours.accent, colours.dark)
    column(canvas, job, text, look, ("left", 0.25 if align == "left" else 0.2))
    offer(canvas, job, (box.right - 30, box.y + 30), colours.accent)
    return canvas


def arch(job: Job) -> Canvas:
    """A tall arch of colour behind the product on a pale ground, in the manner of a design magazine."""
    colours, width = job.palette, job.size[0]
    text, box, align = regions(job, 0.3, text_last=True)
    ground = grounds.linear(job.size, mix(colours.pale, WHITE, 0.4), mix(colours.pale, colours.base, 0.16), 90)
    canvas = Canvas(grounds.finish(ground, job.rng))
    x = box.middle[0]
    wide = min(box.w * 0.9, box.h * 0.86)
    top, bottom = box.y - (0 if align == "middle" else -8), box.bottom - box.h * 0.05
    gate = mix(colours.base, colours.pale, 0.08)
    ring(canvas, Box(x - wide / 2 - 12, top - 8, wide + 24, wide + 24), mix(colours.base, colours.pale, 0.3), 1.6, 0.9)
    panel(canvas, Box(x - wide / 2, top + 4, wide, bottom - top - 4), gate, wide / 2)
    panel(canvas, Box(x - wide / 2, (top + bottom) / 2, wide, (bottom - top) / 2), gate)
    sun = wide * 0.24
    corner = x + wide / 2 - sun * 0.7
    ellipse(canvas, Box(corner, top + wide * 0.06, sun, sun), mix(colours.accent, colours.pale, 0.35), 0.9)
    group(canvas, job.cutouts, box)
    inks = (colours.accent, mix(colours.shade, colours.dark, 0.5), colours.dark)
    margin = job.short * 0.065
    if align == "left":
        mark = brand_mark(canvas, job, (text.x, margin), "left", inks)
        rule(canvas, text.x, mark.bottom + 10, 44, colours.accent)
    else:
        brand_mark(canvas, job, (width / 2, margin - 4), "middle", inks)
    look = look_on(
        colours,
        mix(colours.shade, colours.dark, 0.45),
        colours.dark,
        mix(colours.shade, colours.dark, 0.2),
        colours.pale,
    )
    column(canvas, job, text, look, (align, 0.55 if align == "left" else 1))
    offer(canvas, job, (x - wide / 2 + 20, top + wide * 0.2), colours.accent, job.short * 0.1)
    return canvas
