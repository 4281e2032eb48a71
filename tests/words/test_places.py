"""What a detector is shown of a picture: it is a function here that takes dark pixels for print."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from PIL import Image, ImageDraw

from search_app.words.places import LOOKING, PrintMap, print_map

BLOTS = ((0.1, 0.2, 0.4, 0.25), (0.5, 0.7, 0.9, 0.8))


@dataclass
class Ink:
    """Says `sure` of each pixel that is dark, and notes the width and height of what it was shown."""

    sure: Callable[[int], float] = lambda _: 1.0
    shown: list[tuple[int, int]] = field(default_factory=list)

    def __call__(self, pixels: np.ndarray) -> PrintMap:
        assert pixels.dtype == np.float32
        assert pixels.shape[:2] == (1, 3)
        assert -1 <= pixels.min() <= pixels.max() <= 1
        _, _, height, width = pixels.shape
        assert width % 32 == height % 32 == 0
        self.shown.append((width, height))
        return np.where(pixels.mean(axis=1, keepdims=True) < 0, self.sure(len(self.shown)), 0.0).astype(np.float32)


def picture(width: int, height: int, blots: tuple[tuple[float, ...], ...] = BLOTS) -> Image.Image:
    made = Image.new("RGB", (width, height), "white")
    for left, top, right, bottom in blots:
        place = (left * width, top * height, right * width, bottom * height)
        ImageDraw.Draw(made).rectangle(place, "black")
    return made


@pytest.mark.parametrize(
    "size", [(640, 480), (320, 200), (90, 60), (1024, 400), (2000, 1500), (1500, 2000), (2000, 9), (3, 900), (8, 8)]
)
def test_a_map_has_a_size_that_suits_the_picture(size: tuple[int, int]) -> None:
    found = print_map(picture(*size, ((0, 0, 1, 1),)), Ink())
    assert found is not None
    _, _, height, width = found.shape
    assert width * height <= LOOKING.most_pixels * 1.1
    if min(size) >= 60:
        assert width / size[0] == pytest.approx(height / size[1], rel=0.35)
    is_enough = min(width, height) >= LOOKING.least_side - 32 or width * height >= 0.9 * LOOKING.most_pixels
    assert is_enough or max(width / size[0], height / size[1]) >= 0.9 * LOOKING.most_enlarged


@pytest.mark.parametrize("size", [(700, 500), (1600, 1200), (200, 900)])
def test_a_map_has_the_places_of_the_print_though_not_all_was_shown(size: tuple[int, int]) -> None:
    ink = Ink()
    found = print_map(picture(*size), ink)
    assert found is not None
    _, _, height, width = found.shape
    expected = np.zeros((height, width), bool)
    for left, top, right, bottom in BLOTS:
        expected[round(top * height) : round(bottom * height), round(left * width) : round(right * width)] = True
    assert np.mean((found[0, 0] > 0.5) != expected) < 0.01
    glance, *bands = ink.shown
    assert glance == (width // 2, height // 2)
    assert len(bands) == 2
    assert sum(wide * high for wide, high in bands) < 0.7 * width * height


def test_a_picture_without_print_costs_a_glance_at_a_quarter_of_it() -> None:
    ink = Ink()
    assert print_map(picture(1000, 768, ()), ink) is None
    assert ink.shown == [(512, 384)]


def test_what_is_hardly_seen_at_the_glance_is_looked_at() -> None:
    hardly = Ink(sure=lambda look: 0.04 if look == 1 else 0.9)
    found = print_map(picture(1000, 768), hardly)
    assert found is not None
    assert found.max() == pytest.approx(0.9)


def test_more_around_the_print_is_shown_where_the_rule_says_so() -> None:
    shown = {}
    for around in (0, 1, 3):
        ink = Ink()
        print_map(picture(1000, 800, BLOTS[:1]), ink, replace(LOOKING, around=around))
        shown[around] = ink.shown[1]
    assert shown[1] == (shown[0][0] + 64, shown[0][1] + 64)
    assert shown[3] == (shown[0][0] + 192, shown[0][1] + 192)
