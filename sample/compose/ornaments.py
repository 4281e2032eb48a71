"""Offer bursts, ribbons, buttons, brand marks and rules."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from PIL import ImageDraw

from sample.compose.canvas import Box, Canvas
from sample.compose.colours import WHITE, Colour
from sample.compose.lettering import Block, Style, fit

SHADOW = (0, 0, 0)


def ellipse(canvas: Canvas, box: Box, colour: Colour, opacity: float = 1, soft: float = 0) -> None:
    """Fills an ellipse."""

    def paint(draw: ImageDraw.ImageDraw, factor: float) -> None:
        draw.ellipse([side * factor for side in (box.x, box.y, box.right, box.bottom)], fill=255)

    canvas.shape(paint, colour, opacity, soft)


def ring(canvas: Canvas, box: Box, colour: Colour, width: float, opacity: float = 1) -> None:
    """Draws an ellipse's outline."""

    def paint(draw: ImageDraw.ImageDraw, factor: float) -> None:
        sides = [side * factor for side in (box.x, box.y, box.right, box.bottom)]
        draw.ellipse(sides, outline=255, width=round(width * factor))

    canvas.shape(paint, colour, opacity)


def panel(canvas: Canvas, box: Box, colour: Colour, radius: float = 0, opacity: float = 1, soft: float = 0) -> None:
    """Fills a rectangle with round corners."""

    def paint(draw: ImageDraw.ImageDraw, factor: float) -> None:
        sides = [side * factor for side in (box.x, box.y, box.right, box.bottom)]
        draw.rounded_rectangle(sides, radius * factor, fill=255)

    canvas.shape(paint, colour, opacity, soft)


def frame(canvas: Canvas, box: Box, colour: Colour, width: float, radius: float = 0) -> None:
    """Draws a rectangle's outline."""

    def paint(draw: ImageDraw.ImageDraw, factor: float) -> None:
        sides = [side * factor for side in (box.x, box.y, box.right, box.bottom)]
        draw.rounded_rectangle(sides, radius * factor, outline=255, width=round(width * factor))

    canvas.shape(paint, colour)


def polygon(
    canvas: Canvas, points: Iterable[tuple[float, float]], colour: Colour, opacity: float = 1, soft: float = 0
) -> None:
    """Fills a polygon."""
    corners = list(points)

    def paint(draw: ImageDraw.ImageDraw, factor: float) -> None:
        draw.polygon([(x * factor, y * factor) for x, y in corners], fill=255)

    canvas.shape(paint, colour, opacity, soft)


def centred(canvas: Canvas, block: Block, middle: tuple[float, float], inks: Iterable[Colour]) -> Box:
    """Writes a block about a point."""
    return canvas.write(block, (middle[0], middle[1] - block.height / 2), "middle", inks).box


def burst(
    canvas: Canvas, text: str, style: Style, middle: tuple[float, float], look: tuple[float, Colour, bool]
) -> None:
    """Puts an offer into a star or a disc; `look` is radius, colour and whether it is jagged."""
    radius, colour, jagged = look
    x, y = middle
    points = 18 if jagged else 120
    turns = np.linspace(0, 2 * np.pi, points * 2, endpoint=False)
    reach = np.where(np.arange(points * 2) % 2, radius * (0.87 if jagged else 1), radius)
    outline = [(x + r * np.cos(t), y + r * np.sin(t)) for t, r in zip(turns, reach, strict=True)]
    polygon(canvas, [(a + 2, b + 5) for a, b in outline], SHADOW, 0.3, soft=4)
    polygon(canvas, outline, colour)
    if not jagged:
        ring(canvas, Box(x - radius + 5, y - radius + 5, 2 * radius - 10, 2 * radius - 10), WHITE, 1.4, 0.75)
    canvas.objects[int(y - radius) : int(y + radius), int(x - radius) : int(x + radius)] = False
    side = radius * 1.28
    block = fit(text, replace(style, smallest=13, lines=3, largest=radius * 0.62), side, side * 0.86)
    centred(canvas, block, middle, (WHITE, (20, 12, 12)))


def button(canvas: Canvas, text: str, style: Style, at: tuple[float, float], look: tuple[str, Colour, Colour]) -> Box:
    """Draws a call to action as a pill with its top at `at`; `look` is alignment, fill and ink."""
    align, fill, ink = look
    block = fit(text, style, canvas.width * 0.8)
    width, height = block.width + 34, block.height + 21
    x = at[0] - width * {"left": 0.0, "middle": 0.5, "right": 1.0}[align]
    panel(canvas, Box(x, at[1] + 2, width, height), SHADOW, height / 2, 0.22, soft=3)
    panel(canvas, Box(x, at[1], width, height), fill, height / 2)
    centred(canvas, block, (x + width / 2, at[1] + height / 2), (ink, WHITE, (20, 14, 14)))
    return Box(x, at[1], width, height)


def ribbon(canvas: Canvas, box: Box, colour: Colour, fold: Colour) -> None:
    """Draws a banner with swallow-tailed ends across a box; text is written on it by the caller."""
    tail, drop = box.h * 0.62, box.h * 0.2
    for side, sign in ((box.x, -1), (box.right, 1)):
        inner, outer = side - sign * tail * 0.55, side + sign * tail * 0.75
        notch = outer - sign * tail * 0.42
        top, bottom = box.y + drop, box.bottom + drop
        polygon(
            canvas, [(inner, top), (outer, top), (notch, (top + bottom) / 2), (outer, bottom), (inner, bottom)], fold
        )
        polygon(canvas, [(side, box.bottom), (inner, box.bottom), (inner, bottom)], (0, 0, 0), 0.45)
    panel(canvas, Box(box.x, box.y + 3, box.w, box.h), SHADOW, 2, 0.25, soft=4)
    panel(canvas, box, colour, 2)


def rule(canvas: Canvas, x: float, y: float, length: float, colour: Colour) -> None:
    """Draws a thin line to the right of a point."""
    panel(canvas, Box(x, y, length, 1.6), colour, 0.8)
