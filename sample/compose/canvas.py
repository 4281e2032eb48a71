"""The sheet a poster is drawn on: drawn at twice its size, and watchful about overlaps, margins and contrast."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from sample.compose.colours import Colour, readable_ink
from sample.compose.cutouts import LEAST_OPACITY, Cutout
from sample.compose.errors import ComposeError
from sample.compose.lettering import Block, draw_line, pitch

SCALE = 2
LEAST_OBJECT_SHARE = 0.6


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels of the finished poster."""

    x: float
    y: float
    w: float
    h: float

    @property
    def right(self) -> float:
        """The right edge."""
        return self.x + self.w

    @property
    def bottom(self) -> float:
        """The lower edge."""
        return self.y + self.h

    @property
    def middle(self) -> tuple[float, float]:
        """The centre."""
        return self.x + self.w / 2, self.y + self.h / 2

    def inset(self, by: float, down: float | None = None) -> "Box":
        """Returns the box smaller by so much on every side (`down`: at top and bottom)."""
        high = by if down is None else down
        return Box(self.x + by, self.y + high, self.w - 2 * by, self.h - 2 * high)


class Writing(NamedTuple):
    """Where text was written, and in which colour."""

    box: Box
    ink: Colour


class Canvas:
    """A poster in the making; coordinates are those of the finished poster.

    `ground` is an RGB array of `SCALE` times the poster's size.
    """

    def __init__(self, ground: NDArray[np.uint8]) -> None:
        self.image = Image.fromarray(ground)
        self.width = self.image.width // SCALE
        self.height = self.image.height // SCALE
        self.objects = np.zeros((self.height, self.width), dtype=bool)
        self.letters = np.zeros((self.height, self.width), dtype=bool)
        self.placed: list[Box] = []

    @property
    def short(self) -> int:
        """The shorter side."""
        return min(self.width, self.height)

    @property
    def sheet(self) -> Box:
        """The whole sheet."""
        return Box(0, 0, self.width, self.height)

    def shape(
        self, paint: Callable[[ImageDraw.ImageDraw, float], None], colour: Colour, opacity: float = 1, soft: float = 0
    ) -> None:
        """Fills the shape that `paint(draw, factor)` draws in white on a mask; `soft` blurs its edge."""
        fine = SCALE * 2
        mask = Image.new("L", (self.width * fine, self.height * fine), 0)
        paint(ImageDraw.Draw(mask), fine)
        mask = mask.resize(self.image.size, Image.Resampling.BOX)
        if soft:
            mask = mask.filter(ImageFilter.GaussianBlur(soft * SCALE))
        self.image.paste(colour, mask=mask.point(lambda value: value * opacity))

    def paste(self, picture: Image.Image, box: Box) -> None:
        """Pastes a picture with its transparency, resized to the box."""
        size = (round(box.w * SCALE), round(box.h * SCALE))
        scaled = picture.resize(size, Image.Resampling.LANCZOS)
        self.image.paste(scaled, (round(box.x * SCALE), round(box.y * SCALE)), scaled.getchannel("A"))

    def place(self, cutout: Cutout, box: Box, foot: float = 1.0) -> Box:
        """Puts an object with its shadow as large as the box allows; `foot` 1 stands on the lower edge, 0.5 centres.

        Raises:
            ComposeError: The object would be cut off by the sheet's edge.
        """
        body = cutout.body
        factor = min(box.w / body.w, box.h / body.h)
        spot = Box(
            box.x + (box.w - body.w * factor) / 2,
            box.y + (box.h - body.h * factor) * foot,
            body.w * factor,
            body.h * factor,
        )
        if spot.x < 0 or spot.y < 0 or spot.right > self.width or spot.bottom > self.height:
            raise ComposeError(f"{cutout.name} is cut off by the edge of the sheet")
        picture = cutout.picture
        at = Box(spot.x - body.x * factor, spot.y - body.y * factor, picture.width * factor, picture.height * factor)
        self.paste(picture, at)
        solid = cutout.solid.resize((max(1, round(spot.w)), max(1, round(spot.h))), Image.Resampling.BOX)
        x, y = int(spot.x), int(spot.y)
        window = self.objects[y : y + solid.height, x : x + solid.width]
        window |= np.asarray(solid)[: window.shape[0], : window.shape[1]] > LEAST_OPACITY
        self.placed.append(spot)
        return spot

    def write(self, block: Block, at: tuple[float, float], align: str, inks: Iterable[Colour]) -> Writing:
        """Writes a block with its top at `at`; x is its left, middle or right by `align`.

        Raises:
            ComposeError: It would leave the margins, touch an object or stand out too little.
        """
        lag = {"left": 0.0, "middle": 0.5, "right": 1.0}[align]
        mask = Image.new("L", self.image.size, 0)
        draw = ImageDraw.Draw(mask)
        for place, line in enumerate(block.lines):
            width = Block((line,), block.style, block.size).width
            baseline = at[1] + block.rise + place * pitch(block.style) * block.size
            draw_line(draw, (at[0] - width * lag, baseline), line, block, SCALE)
        bounds = mask.getbbox()
        if bounds is None:
            raise ComposeError(f"{block.lines} leaves no ink on the sheet")
        left, top, right, bottom = (round(side / SCALE) for side in bounds)
        box = Box(left, top, right - left, bottom - top)
        self._check_room(block, box)
        under = np.asarray(self.image)[bounds[1] : bounds[3], bounds[0] : bounds[2]]
        ink = readable_ink(inks, under)
        self.image.paste(ink, mask=mask)
        self.letters[top:bottom, left:right] = True
        return Writing(box, ink)

    def _check_room(self, block: Block, box: Box) -> None:
        words = " ".join(block.lines)
        margin = self.short * 0.022
        if min(box.x, box.y, self.width - box.right, self.height - box.bottom) < margin:
            raise ComposeError(f"{words!r} leaves the margins: {box}")
        area = np.s_[int(box.y) : int(box.bottom), int(box.x) : int(box.right)]
        if self.objects[area].mean() > 0.01:
            raise ComposeError(f"{words!r} touches an object: {box}")
        if self.letters[area].any():
            raise ComposeError(f"{words!r} touches other text: {box}")

    def free_spot(self, radius: float, wanted: tuple[float, float]) -> tuple[float, float]:
        """Returns the centre for a round badge: clear of text, covering little of an object, near the wanted point.

        Raises:
            ComposeError: There is no such place.
        """
        reach = int(radius + 10)
        best: tuple[float, float, float] | None = None
        for y in range(reach + 6, self.height - reach - 5, 6):
            for x in range(reach + 6, self.width - reach - 5, 6):
                area = np.s_[y - reach : y + reach, x - reach : x + reach]
                if self.letters[area].any():
                    continue
                distance = float(np.hypot(x - wanted[0], y - wanted[1])) / self.short
                cost = float(self.objects[area].mean()) * 4 + distance
                if best is None or cost < best[0]:
                    best = (cost, x, y)
        if best is None:
            raise ComposeError(f"no room for a badge of radius {radius:.0f}")
        return best[1], best[2]

    def check_objects(self) -> None:
        """Makes sure the objects are big enough for a poster.

        Raises:
            ComposeError: Their common extent is below the share of the short side asked for.
        """
        across = max(box.right for box in self.placed) - min(box.x for box in self.placed)
        down = max(box.bottom for box in self.placed) - min(box.y for box in self.placed)
        if max(across, down) < LEAST_OBJECT_SHARE * self.short:
            raise ComposeError(f"the objects span {across:.0f} x {down:.0f} of {self.short} pixels: too small")

    def finished(self) -> Image.Image:
        """Returns the poster at its final size."""
        return self.image.resize((self.width, self.height), Image.Resampling.LANCZOS)
