"""Pictures get the colour names that people would give them."""

import numpy as np
import pytest
from PIL import Image, ImageColor

from search_app.datatypes import COLOURS
from search_app.images.colour_names import dominant_colours
from tests.images.pictures import photo

CSS = {
    "black": ["#000000", "#101010", "#1a1a1a"],
    "white": ["#ffffff", "#f5f5f5", "ivory", "aliceblue", "linen"],
    "grey": ["grey", "darkgrey", "lightgrey", "dimgrey", "slategrey"],
    "red": ["red", "crimson", "firebrick", "darkred", "#e41a1c"],
    "orange": ["orange", "darkorange", "sandybrown"],
    "yellow": ["yellow", "gold", "khaki", "#fff200"],
    "green": ["green", "lime", "olive", "forestgreen", "lightgreen", "seagreen"],
    "blue": ["blue", "navy", "skyblue", "royalblue", "teal", "steelblue"],
    "purple": ["purple", "indigo", "rebeccapurple", "darkviolet", "mediumpurple"],
    "pink": ["pink", "hotpink", "deeppink", "lightpink", "magenta"],
    "brown": ["saddlebrown", "sienna", "tan", "peru", "#5c3317"],
}


@pytest.mark.parametrize(("name", "colour"), [(name, colour) for name, some in CSS.items() for colour in some])
def test_a_plain_picture_has_the_name_of_its_colour(name: str, colour: str) -> None:
    assert dominant_colours(Image.new("RGB", (30, 20), ImageColor.getrgb(colour))) == (name,)


def test_the_most_area_comes_first_and_specks_do_not_count() -> None:
    picture = Image.new("RGB", (200, 100), "blue")
    picture.paste(ImageColor.getrgb("yellow"), (0, 0, 60, 100))
    picture.paste(ImageColor.getrgb("red"), (60, 0, 90, 100))
    picture.paste(ImageColor.getrgb("green"), (0, 0, 20, 20))
    assert dominant_colours(picture) == ("blue", "yellow", "red")


def test_size_does_not_matter() -> None:
    small = photo(120, 90)
    assert dominant_colours(small.resize((1200, 900))) == dominant_colours(small)


def test_every_picture_has_one_to_four_different_names() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (100, 100, 3), dtype=np.uint8)
    for picture in (Image.fromarray(noise), photo(), Image.new("RGB", (1, 1), "red")):
        names = dominant_colours(picture)
        assert 1 <= len(names) <= 4
        assert len(set(names)) == len(names)
        assert set(names) <= set(COLOURS)
