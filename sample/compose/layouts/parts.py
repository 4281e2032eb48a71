"""What layouts share: the job in hand, where things go, groups of objects, columns of text."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np
from PIL import Image

from sample.compose.canvas import Box, Canvas
from sample.compose.colours import Colour, Palette, contrast, mix
from sample.compose.cutouts import Cutout
from sample.compose.lettering import Block, Style, fit, shrink
from sample.compose.ornaments import SHADOW, burst, button, ellipse, panel, polygon, ring
from sample.compose.posters import Poster
from sample.compose.voices import Voice

WIDE = 1.3
TEXT_AT_RIGHT = 0.4
COMFORTABLE_CONTRAST = 7.0


@dataclass
class Job:
    """Everything a layout draws from."""

    poster: Poster
    palette: Palette
    voice: Voice
    rng: np.random.Generator
    cutouts: list[Cutout] = field(default_factory=list)
    photo: Image.Image | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the poster."""
        return self.poster.size

    @property
    def short(self) -> int:
        """The shorter side."""
        return min(self.poster.size)

    @property
    def wide(self) -> bool:
        """Whether the picture part is clearly wider than high."""
        main = self.cutouts[0].body
        return len(self.cutouts) > 1 or main.w / main.h > WIDE

    @property
    def side_by_side(self) -> bool:
        """Whether text and object stand beside each other instead of one above the other."""
        return self.size[0] > self.size[1] and not self.wide


@dataclass(frozen=True)
class Look:
    """Colours of a column: headline inks, body inks, and the button's fill and ink."""

    headline: tuple[Colour, ...]
    text: tuple[Colour, ...]
    fill: Colour
    ink: Colour


def look_on(palette: Palette, headline: Colour, text: Colour, fill: Colour, ink: Colour) -> Look:
    """Builds a look whose inks fall back to the palette's others where a choice would not stand out."""
    return Look((headline, *palette.inks), (text, *palette.inks), fill, ink)


def regions(job: Job, share: float = 0.37, *, text_last: bool = False) -> tuple[Box, Box, str]:
    """Returns the boxes of text and object and the text's alignment; a strip for the brand is left at the top."""
    width, height = job.size
    margin = job.short * 0.065
    top = margin + 36
    if job.side_by_side:
        narrow, broad = width * 0.43 - margin, width * 0.55 - margin
        text = Box(margin, top, narrow, height - top - margin)
        box = Box(width - margin - broad, margin, broad, height - 2 * margin)
        if job.rng.random() < TEXT_AT_RIGHT:
            return replace(text, x=width - margin - narrow), replace(box, x=margin), "left"
        return text, box, "left"
    room = height - top - margin
    if text_last:
        text = Box(margin, top + room * (1 - share), width - 2 * margin, room * share)
        return text, Box(margin, top, width - 2 * margin, room * (1 - share) - 18), "middle"
    text = Box(margin, top, width - 2 * margin, room * share)
    return text, Box(margin, top + room * share + 14, width - 2 * margin, room * (1 - share) - 14), "middle"


def text_ground(palette: Palette, share: float) -> Colour:
    """Returns the base, darkened by a share of the shade or as much more as text needs to stand out well on it."""
    for deeper in np.arange(share, 1.0, 0.05).tolist():
        colour = mix(palette.base, palette.shade, deeper)
        spot = np.array(colour, dtype=np.uint8)
        if max(contrast(ink, spot) for ink in palette.inks) >= COMFORTABLE_CONTRAST:
            return colour
    return palette.shade


def group(canvas: Canvas, cutouts: list[Cutout], box: Box, foot: float = 1.0) -> None:
    """Places one object, or several as a group with the main one in front."""
    if len(cutouts) == 1:
        canvas.place(cutouts[0], box, foot)
        return
    main, *others = cutouts
    if len(others) == 1:
        high = box.h * 0.8
        back = Box(box.x + box.w * 0.5, box.bottom - high - box.h * 0.05, box.w * 0.5, high)
        canvas.place(others[0], back, foot)
        canvas.place(main, Box(box.x, box.y, box.w * 0.58, box.h), foot)
        return
    share, high = 0.42, box.h * 0.8
    back = Box(box.x, box.bottom - high - box.h * 0.06, box.w * share, high)
    canvas.place(others[0], back, foot)
    canvas.place(others[1], replace(back, x=box.right - back.w), foot)
    canvas.place(main, Box(box.x + box.w * 0.2, box.y + box.h * 0.1, box.w * 0.6, box.h * 0.9), foot)


def brand_mark(canvas: Canvas, job: Job, at: tuple[float, float], align: str, inks: Iterable[Colour]) -> Box:
    """Writes the brand with a small sign of its own before it; `at` is the top."""
    block = fit(job.poster.brand, job.voice.brand, canvas.width * 0.6)
    sign = block.height * 1.02
    gap = block.height * 0.5
    width = sign + gap + block.width
    x = at[0] - width * {"left": 0.0, "middle": 0.5, "right": 1.0}[align]
    spot, colour = canvas.write(block, (x + sign + gap, at[1]), "left", inks)
    middle = spot.y + spot.h / 2
    _sign(canvas, job, Box(x, middle - sign / 2, sign, sign), colour)
    return Box(x, spot.y, width, spot.h)


def _sign(canvas: Canvas, job: Job, box: Box, colour: Colour) -> None:
    """Draws a small abstract sign, the same for the same brand."""
    kind = sum(job.poster.brand.encode()) % 6
    x, y = box.middle
    half = box.w / 2
    if kind == 0:
        ellipse(canvas, box, colour)
    elif kind == 1:
        ring(canvas, box, colour, max(2.0, box.w * 0.2))
    elif kind == 2:
        polygon(canvas, [(x, box.y), (box.right, y), (x, box.bottom), (box.x, y)], colour)
    elif kind == 3:
        for place, high in enumerate((0.5, 1.0, 0.72)):
            bar = box.w * 0.24
            panel(canvas, Box(box.x + place * box.w * 0.38, box.bottom - box.h * high, bar, box.h * high), colour, 1)
    elif kind == 4:
        polygon(canvas, [(box.x, box.bottom), (x, box.y), (box.right, box.bottom)], colour)
    else:
        points = [
            (x + half * r * np.cos(t), y + half * r * np.sin(t))
            for t, r in zip(np.linspace(-np.pi / 2, 1.5 * np.pi, 16, endpoint=False), [1.1, 0.5] * 8, strict=True)
        ]
        polygon(canvas, points, colour)


def column(canvas: Canvas, job: Job, box: Box, look: Look, how: tuple[str, float]) -> Box:
    """Sets headline, line and button below each other inside a box; `how` is alignment and 0 top to 1 bottom."""
    align, foot = how
    poster, voice = job.poster, job.voice
    parts: list[tuple[str, Style, tuple[Colour, ...]]] = [(poster.headline, voice.headline, look.headline)]
    if poster.line:
        parts.append((poster.line, voice.text, look.text))
    call = fit(poster.call, voice.label, box.w - 34) if poster.call else None
    gap = 18.0 if voice.headline.capitals else 13.0
    reserved = gap * (len(parts) - 1) + (call.height + 21 + gap + 2 if call else 0)
    blocks = _stacked([(text, style) for text, style, _ in parts], box.w, box.h - reserved)
    total = reserved + sum(block.height for block in blocks)
    x = {"left": box.x, "middle": box.x + box.w / 2, "right": box.right}[align]
    y = top = box.y + (box.h - total) * foot
    for block, (_, _, inks) in zip(blocks, parts, strict=True):
        canvas.write(block, (x, y), align, inks)
        y += block.height + gap
    if call:
        button(canvas, poster.call, replace(voice.label, largest=call.size), (x, y + 2), (align, look.fill, look.ink))
    return Box(box.x, top, box.w, total)


def _stacked(parts: list[tuple[str, Style]], width: float, height: float) -> list[Block]:
    """Fits a headline and its line into a common height, the headline giving way first."""
    texts = [fit(text, style, width) for text, style in parts[1:]]
    if sum(block.height for block in texts) > height * 0.5:
        texts = [shrink(block, 0.88) for block in texts]
    rest = height - sum(block.height for block in texts)
    return [fit(*parts[0], width, rest), *texts]


def offer(canvas: Canvas, job: Job, wanted: tuple[float, float], colour: Colour, radius: float = 0) -> None:
    """Adds the poster's offer as a burst near a point, where it has one."""
    if not job.poster.offer:
        return
    reach = radius or job.short * 0.118
    jagged = job.voice.headline.capitals
    spot = canvas.free_spot(reach, wanted)
    burst(canvas, job.poster.offer, replace(job.voice.label, tracking=0.0), spot, (reach, colour, jagged))


def ground_shadow(canvas: Canvas, x: float, y: float, width: float, strength: float = 0.3) -> None:
    """Lays a soft shadow on the floor below an object."""
    ellipse(canvas, Box(x - width / 2, y - width * 0.05, width, width * 0.1), SHADOW, strength, soft=width * 0.03)
