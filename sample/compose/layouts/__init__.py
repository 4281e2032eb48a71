"""The layouts by the names the poster list uses."""

from collections.abc import Callable

from sample.compose.canvas import Canvas
from sample.compose.layouts import editorial, flat, studio, vintage
from sample.compose.layouts.parts import Job

LAYOUTS: dict[str, Callable[[Job], Canvas]] = {
    "arch": flat.arch,
    "card": flat.card,
    "collage": editorial.collage,
    "diagonal": flat.diagonal,
    "halftone": vintage.halftone,
    "magazine": editorial.magazine,
    "photograph": editorial.photograph,
    "podium": studio.podium,
    "premium": studio.premium,
    "rings": vintage.rings,
    "split": flat.split,
    "spotlight": studio.spotlight,
    "still": editorial.still,
    "sunburst": vintage.sunburst,
    "window": studio.window,
}
