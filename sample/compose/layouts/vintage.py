"""Layouts after printed posters: sun rays with a ribbon, framed rings, halftone."""

from dataclasses import replace

import numpy as np

from sample.compose import grounds
from sample.compose.canvas import Box, Canvas
from sample.compose.colours import WHITE, mix
from sample.compose.layouts.parts import Job, brand_mark, column, ground_shadow, group, look_on, offer, regions
from sample.compose.lettering import fit
from sample.compose.ornaments import button, centred, ellipse, frame, panel, polygon, ribbon, ring


def sunburst(job: Job) -> Canvas:
    """Beams of light behind the product, the headline on a ribbon."""
    colours, poster, (width, height) = job.palette, job.poster, job.size
    margin = job.short * 0.065
    foot = 74.0 if poster.line else 26.0
    band = height * 0.125
    ribbon_top = height - foot - band - margin * 0.5
    box = Box(margin, margin + 36, width - 2 * margin, ribbon_top - margin - 48)
    middle = (0.0, (box.middle[1] - height / 2) / job.short)
    ground = grounds.rays(
        job.size, mix(colours.base, colours.pale, 0.12), mix(colours.base, colours.pale, 0.5), middle, 22
    )
    ground = grounds.vignette(ground, job.size, 0.2)
    canvas = Canvas(grounds.finish(ground, job.rng))
    glow = min(box.w, box.h) * 0.94
    ellipse(canvas, Box(width / 2 - glow / 2, box.middle[1] - glow / 2, glow, glow), colours.pale, 0.55, soft=26)
    ground_shadow(canvas, width / 2, box.bottom - 5, box.w * 0.5, 0.25)
    group(canvas, job.cutouts, box)
    floor = mix(colours.shade, colours.dark, 0.35)
    panel(canvas, Box(-4, ribbon_top + band * 0.6, width + 8, height), floor)
    mark = fit(poster.brand, replace(job.voice.brand, largest=30), width * 0.6)
    tab = Box(width / 2 - mark.width / 2 - 24, -12, mark.width + 48, mark.height + 44)
    panel(canvas, tab, floor, 12)
    centred(canvas, mark, (width / 2, tab.bottom - 16 - mark.height / 2), (colours.pale, WHITE))
    side = margin + band * 0.42
    strip = Box(side, ribbon_top, width - 2 * side, band)
    ribbon(canvas, strip, colours.accent, mix(colours.accent, (0, 0, 0), 0.35))
    style = replace(job.voice.headline, lines=2, smallest=19)
    headline = fit(poster.headline, style, strip.w - 26, strip.h * 0.74)
    centred(canvas, headline, strip.middle, (WHITE, colours.pale, colours.dark))
    if poster.line:
        line = fit(poster.line, replace(job.voice.text, lines=2), width - 2 * margin, foot - 8)
        low = strip.bottom + band * 0.2 + 6
        centred(canvas, line, (width / 2, (low + height - margin * 0.4) / 2), (colours.pale, WHITE))
    offer(canvas, job, (width - margin - 40, box.y + 40), mix(colours.accent, colours.shade, 0.15))
    return canvas


def rings(job: Job) -> Canvas:
    """Concentric rings inside a double frame, lettering in the manner of an enamel sign."""
    colours, width = job.palette, job.size[0]
    text, box, align = regions(job, 0.35)
    ground = grounds.radial(job.size, colours.pale, mix(colours.pale, colours.base, 0.3), (0, 0), (0.1, 0.85))
    canvas = Canvas(grounds.finish(ground, job.rng, 3.0))
    x, y = box.middle
    reach = min(box.w, box.h) * 0.5
    for share, colour in ((1.0, colours.base), (0.84, colours.pale), (0.7, colours.base), (0.55, colours.pale)):
        size = reach * share
        ellipse(canvas, Box(x - size, y - size, 2 * size, 2 * size), mix(colour, colours.pale, 0.18))
    edge = job.short * 0.028
    deep = mix(colours.shade, colours.dark, 0.3)
    frame(canvas, canvas.sheet.inset(edge), deep, 4, 10)
    frame(canvas, canvas.sheet.inset(edge + 8), deep, 1.4, 6)
    group(canvas, job.cutouts, box.inset(8, 8), 0.6)
    look = look_on(colours, colours.accent, deep, colours.accent, colours.pale)
    if align == "left":
        brand_mark(canvas, job, (text.x + 10, text.y - 24), "left", (deep, *colours.inks))
        column(canvas, job, Box(text.x + 10, text.y + 8, text.w - 10, text.h - 20), look, ("left", 0.45))
    else:
        brand_mark(canvas, job, (width / 2, text.y - 26), "middle", (deep, *colours.inks))
        column(canvas, job, Box(text.x + 6, text.y + 8, text.w - 12, text.h - 8), look, ("middle", 0.2))
    offer(canvas, job, (box.right - 44, box.y + 50), colours.accent)
    return canvas


def halftone(job: Job) -> Canvas:
    """Printed dots growing towards a corner, the headline on a tilted block of colour."""
    colours, poster, (width, height) = job.palette, job.poster, job.size
    margin = job.short * 0.065
    flat = grounds.linear(job.size, mix(colours.base, colours.pale, 0.1), colours.base, 90)
    dotted = mix(colours.base, colours.shade, 0.42)
    ground = grounds.dots(job.size, flat, dotted, 0.034, lambda x, y: np.asarray(0.38 + 0.8 * y - 0.35 * x))
    canvas = Canvas(grounds.finish(ground, job.rng, 1.0))
    style = replace(job.voice.headline, lines=2)
    headline = fit(poster.headline, style, width - 2 * margin - 36, height * 0.17)
    block = Box(margin * 0.7, margin * 0.9, headline.width + 40, headline.height + 34)
    slant = 9
    corners = [
        (block.x, block.y + slant),
        (block.right, block.y),
        (block.right - 6, block.bottom),
        (block.x + 6, block.bottom + slant),
    ]
    polygon(canvas, [(a + 6, b + 7) for a, b in corners], colours.dark, 0.9)
    polygon(canvas, corners, colours.pale)
    box = Box(margin, block.bottom + 24, width - 2 * margin, height - block.bottom - 24 - 78)
    blob = min(box.w, box.h) * 1.0
    x, y = box.middle
    ellipse(canvas, Box(x - blob / 2, y - blob / 2 + 4, blob, blob), colours.pale, 0.9)
    ring(canvas, Box(x - blob / 2 - 8, y - blob / 2 - 4, blob + 16, blob + 16), colours.dark, 3)
    group(canvas, job.cutouts, box, 0.9)
    canvas.write(headline, (block.x + 20, block.y + 20), "left", (colours.accent, colours.dark))
    low = height - margin * 0.5 - 52
    panel(canvas, Box(-4, low, width + 8, height), colours.dark)
    panel(canvas, Box(-4, low, width + 8, 4), colours.accent)
    line = low + (height - low) / 2
    mark = fit(poster.brand, job.voice.brand, width * 0.36)
    spot = canvas.write(mark, (margin, line - mark.height / 2 + 2), "left", (colours.pale, WHITE)).box
    rest = width - margin - spot.right - 18
    if poster.call:
        label = fit(poster.call, replace(job.voice.label, largest=15), rest - 34)
        button(
            canvas,
            poster.call,
            label.style,
            (width - margin, line - label.height / 2 - 9),
            ("right", colours.accent, colours.dark),
        )
    elif poster.line:
        words = fit(poster.line, replace(job.voice.text, lines=2), rest, height - low - 18)
        canvas.write(words, (width - margin, line - words.height / 2 + 2), "right", (colours.pale, WHITE))
    offer(canvas, job, (width - margin - 50, box.y + 40), colours.accent)
    return canvas
