"""The heat map points at what was asked for, with every encoder and every shape of picture."""

from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

from search_app.encoders.base import Encoder
from search_app.encoders.lite import LiteEncoder
from search_app.encoders.stub import StubEncoder
from search_app.errors import EncoderError
from search_app.images.decode import decode_image
from search_app.search.heat_map import GRID, WINDOWS_A_SIDE, HeatMap, PictureParts, heat_map, heat_of, look_at_parts
from tests.conftest import SAMPLE

RED, BLUE, GREY = (220, 30, 30), (30, 70, 220), (128, 128, 128)
CORNERS = {"left top": (0, 0), "right top": (0, 1), "left bottom": (1, 0), "right bottom": (1, 1)}


def asked(image: Image.Image, text: str, encoder: Encoder) -> HeatMap:
    return heat_map(image, encoder, encoder.encode_texts([text])[0])


def mean_in(found: HeatMap, row: int, column: int) -> float:
    """Mean heat of one quarter of the picture."""
    half = GRID // 2
    return float(found.heat.reshape(2, half, 2, half)[row, :, column].mean())


@pytest.mark.parametrize(("row", "column"), CORNERS.values(), ids=CORNERS)
@pytest.mark.parametrize("size", [(300, 300), (600, 200), (90, 800), (16, 16)], ids=str)
def test_a_thing_is_hot_where_it_is(size, row, column):
    image = Image.new("RGB", size, GREY)
    width, height = size[0] // 3, size[1] // 3
    image.paste(RED, (column * 2 * width, row * 2 * height, (column * 2 + 1) * width, (row * 2 + 1) * height))
    found = asked(image, "red", StubEncoder())
    quarters = {(r, c): mean_in(found, r, c) for r, c in CORNERS.values()}
    assert max(quarters, key=quarters.get) == (row, column)
    # The quarter opposite has nothing of it.
    assert quarters[row, column] > 4 * quarters[1 - row, 1 - column]


def test_another_query_points_elsewhere_without_looking_again():
    image = Image.new("RGB", (400, 400), GREY)
    image.paste(RED, (0, 0, 150, 400))
    image.paste(BLUE, (250, 0, 400, 400))
    encoder = StubEncoder()
    parts = look_at_parts(image, encoder)
    red, blue = (heat_of(parts, query).heat for query in encoder.encode_texts(["red", "blue"]))
    assert (red[:, 0] > 0.9).all()
    assert (red[:, -1] < 0.1).all()
    np.testing.assert_allclose(red, blue[:, ::-1], atol=0.1)


def test_heat_is_from_nought_to_one_and_scores_are_cosines():
    image = Image.new("RGB", (300, 200), GREY)
    image.paste(RED, (0, 0, 300, 60))
    encoder = StubEncoder()
    parts = look_at_parts(image, encoder)
    [query] = encoder.encode_texts(["red"])
    found = heat_of(parts, query)
    assert found.heat.shape == found.scores.shape == (GRID, GRID)
    assert found.heat.dtype == found.scores.dtype == np.float32
    assert (found.heat.min(), found.heat.max()) == (0, 1)
    # A corner lies under one window only, so its score is that window's.
    assert found.scores[0, 0] == pytest.approx(parts.vectors[0] @ query, abs=1e-6)
    assert found.scores[-1, -1] == pytest.approx(parts.vectors[-1] @ query, abs=1e-6)


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (2000, 3), (5000, 4000)], ids=str)
def test_a_picture_of_one_colour_has_no_hot_place(size):
    found = asked(Image.new("RGB", size, RED), "red", StubEncoder())
    assert not found.heat.any()
    assert (found.scores > 0.9).all()


def test_a_map_costs_a_pass_for_each_window_at_the_size_the_encoder_takes():
    encoder = StubEncoder()
    parts = look_at_parts(Image.new("RGB", (640, 480), BLUE), encoder)
    assert parts.vectors.shape == (WINDOWS_A_SIDE**2, encoder.spec.dim)
    assert parts.boxes.shape == (WINDOWS_A_SIDE**2, 4)
    assert parts.boxes.min() == 0
    assert parts.boxes.max() == pytest.approx(1)


def test_boxes_are_the_cells_row_by_row():
    parts = PictureParts(np.array([[0, 0, 1.0, 1.0]]), np.ones((1, 1), np.float32))
    found = heat_of(parts, np.ones(1, np.float32), grid=2)
    assert found.boxes().tolist() == [[0, 0, 0.5, 0.5], [0.5, 0, 1, 0.5], [0, 0.5, 0.5, 1], [0.5, 0.5, 1, 1]]


def test_a_cell_has_the_mean_of_the_windows_over_it_by_the_area_they_share():
    boxes = np.array([[0, 0, 0.5, 1], [0.25, 0, 1, 1]])
    found = heat_of(PictureParts(boxes, np.array([[1.0], [0.0]], np.float32)), np.ones(1, np.float32), grid=2)
    # Left cell: the first window covers all of it, the second half; right cell: the second only.
    np.testing.assert_allclose(found.scores, [[2 / 3, 0], [2 / 3, 0]], rtol=1e-6)


def test_a_closed_encoder_is_refused():
    encoder = StubEncoder()
    [query] = encoder.encode_texts(["red"])
    encoder.close()
    with pytest.raises(EncoderError, match="closed"):
        heat_map(Image.new("RGB", (20, 20)), encoder, query)


@pytest.fixture(scope="module")
def lite() -> Iterator[LiteEncoder]:
    opened = LiteEncoder()
    yield opened
    opened.close()


def poster(name: str) -> Image.Image:
    return decode_image(SAMPLE / name, max_pixels=10**8).image.resize((400, 400))


def test_lite_points_at_the_poster_among_four(lite):
    posters = {
        "a guitar": "music/acoustic-guitar.jpg",
        "a pretzel": "food/salted-pretzel.jpg",
        "a hot dog": "food/hot-dog-stand.jpg",
        "a glass of beer": "drinks/beer-garden.jpg",
    }
    canvas = Image.new("RGB", (800, 800))
    for (row, column), name in zip(CORNERS.values(), posters.values(), strict=True):
        canvas.paste(poster(name), (400 * column, 400 * row))
    parts = look_at_parts(canvas, lite)
    for place, query in zip(CORNERS.values(), lite.encode_texts(list(posters)), strict=True):
        found = heat_of(parts, query)
        quarters = {corner: mean_in(found, *corner) for corner in CORNERS.values()}
        assert max(quarters, key=quarters.get) == place


def test_blanking_the_hottest_quarter_costs_lite_more_than_the_coldest(lite):
    image = poster("food/hot-dog-stand.jpg")
    [query] = lite.encode_texts(["a hot dog"])
    order = np.argsort(-heat_map(image, lite, query).heat.ravel(), kind="stable")
    scores = []
    for cells in (order[: GRID**2 // 4], order[-(GRID**2) // 4 :]):
        mask = np.zeros(GRID**2, np.uint8)
        mask[cells] = 255
        blanked = image.copy()
        blanked.paste(GREY, mask=Image.fromarray(mask.reshape(GRID, GRID)).resize(image.size, Image.Resampling.NEAREST))
        scores.append(float(lite.encode_images(lite.prepare(blanked)[None])[0] @ query))
    without_hottest, without_coldest = scores
    assert without_hottest < without_coldest - 0.2
