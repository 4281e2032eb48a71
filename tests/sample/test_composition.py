"""The rules the composing program holds every poster to."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from sample.compose.canvas import SCALE, Box, Canvas
from sample.compose.colours import LEAST_CONTRAST, Palette, contrast, load_palettes, readable_ink
from sample.compose.cutouts import Cutout, Tint, load_cutout
from sample.compose.errors import ComposeError
from sample.compose.labels import write_labels
from sample.compose.layouts import LAYOUTS
from sample.compose.layouts.parts import Job, text_ground
from sample.compose.lettering import Style
from sample.compose.posters import Poster, load_posters
from sample.compose.voices import FONT_NAMES, Voice, find_fonts
from sample.compose.workshop import TEXTS, save

BLACK, WHITE, GREY = (0, 0, 0), (255, 255, 255), (128, 128, 128)
UNUSED_STYLE = Style(Path("no-font-is-opened.otf"), largest=20)
VOICE = Voice(UNUSED_STYLE, UNUSED_STYLE, UNUSED_STYLE, UNUSED_STYLE)
PALETTES = load_palettes(TEXTS / "palettes.toml")


def ground(colour: tuple[int, int, int], width: int = 200, height: int = 100) -> np.ndarray:
    return np.full((height * SCALE, width * SCALE, 3), colour, dtype=np.uint8)


@pytest.fixture
def red_box(tmp_path: Path) -> Path:
    """An object as the renderer leaves it: a red box of 60 x 40 with a soft black shadow to its right."""
    picture = Image.new("RGBA", (200, 160))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((100, 80, 150, 110), fill=(0, 0, 0, 90))
    draw.rectangle((60, 70, 119, 109), fill=(200, 30, 20, 255))
    path = tmp_path / "box.webp"
    picture.save(path, lossless=True)
    return path


def load(path: Path, tint: Tint | None = None) -> Cutout:
    return load_cutout("box", path, [], tint or Tint(), mirrored=False)


def poster(layout: str, objects: tuple[str, ...] = ("box",)) -> Poster:
    return Poster(
        path="boxes/box.jpg",
        layout=layout,
        size=(512, 640),
        palette="ember",
        voice="modern",
        objects=objects,
        topics=("1",),
        statements=("I should buy the box because it is red.",),
        tint=Tint(),
    )


def test_contrast_is_that_of_wcag() -> None:
    assert contrast(WHITE, ground(BLACK)) == pytest.approx(21)
    assert contrast(GREY, ground(WHITE)) == pytest.approx(3.95, abs=0.01)


def test_contrast_is_taken_against_the_worst_pixels() -> None:
    mixed = ground(BLACK)
    mixed[: len(mixed) // 3] = WHITE
    assert contrast(WHITE, mixed) == pytest.approx(1)


def test_the_first_ink_that_stands_out_is_taken() -> None:
    assert readable_ink([GREY, BLACK, WHITE], ground(WHITE)) == BLACK


def test_ink_that_nobody_could_read_is_refused() -> None:
    with pytest.raises(ComposeError, match="contrast"):
        readable_ink([GREY], ground(WHITE))


@pytest.mark.parametrize("palette", PALETTES.values(), ids=PALETTES.keys())
def test_every_palette_has_a_ground_for_text(palette: Palette) -> None:
    flat = ground(text_ground(palette, 0.2))
    assert max(contrast(ink, flat) for ink in palette.inks) >= LEAST_CONTRAST


def test_the_shadow_is_no_part_of_the_body(red_box: Path) -> None:
    cutout = load(red_box)
    assert (cutout.body.x, cutout.body.y, cutout.body.w, cutout.body.h) == (60, 70, 60, 40)
    assert np.asarray(cutout.picture)[100, 140, 3] > 0


def test_a_tint_changes_coloured_parts_only(red_box: Path) -> None:
    red, green, blue, _ = np.asarray(load(red_box, Tint(hue=120)).picture)[90, 80]
    assert green > 150 > red
    assert green > blue
    picture = Image.new("RGBA", (50, 50), (120, 120, 120, 255))
    picture.save(red_box, lossless=True)
    assert np.asarray(load(red_box, Tint(hue=120)).picture)[25, 25].tolist() == [120, 120, 120, 255]


def test_an_object_fills_its_box_and_stands_on_its_lower_edge(red_box: Path) -> None:
    canvas = Canvas(ground(WHITE))
    spot = canvas.place(load(red_box), Box(10, 10, 120, 88))
    assert (spot.w, spot.h, spot.bottom) == (pytest.approx(120), pytest.approx(80), pytest.approx(98))


def test_an_object_cut_off_by_the_edge_is_refused(red_box: Path) -> None:
    with pytest.raises(ComposeError, match="cut off"):
        Canvas(ground(WHITE)).place(load(red_box), Box(150, 10, 100, 80))


def test_a_small_object_is_refused(red_box: Path) -> None:
    canvas = Canvas(ground(WHITE))
    canvas.place(load(red_box), Box(10, 10, 45, 30))
    with pytest.raises(ComposeError, match="too small"):
        canvas.check_objects()


def test_a_badge_keeps_away_from_text(red_box: Path) -> None:
    canvas = Canvas(ground(WHITE))
    canvas.letters[:, :100] = True
    x, _ = canvas.free_spot(20, (20, 50))
    assert x - 20 >= 100


def test_a_sheet_full_of_text_has_no_room_for_a_badge() -> None:
    canvas = Canvas(ground(WHITE))
    canvas.letters[:] = True
    with pytest.raises(ComposeError, match="no room"):
        canvas.free_spot(20, (20, 50))


def test_the_same_seed_gives_the_same_picture(red_box: Path) -> None:
    def still(seed: int) -> bytes:
        rng = np.random.default_rng(seed)
        job = Job(poster("still"), PALETTES["ember"], VOICE, rng, [load(red_box)])
        return LAYOUTS["still"](job).finished().tobytes()

    assert still(1) == still(1) != still(2)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_pictures_are_saved_in_the_format_of_their_suffix(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "deeper" / f"picture{suffix}"
    save(Image.new("RGB", (8, 8), (200, 30, 20)), path)
    with Image.open(path) as picture:
        assert picture.format == Image.registered_extensions()[suffix]


def test_a_topic_without_a_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ComposeError, match="without a name: 1"):
        write_labels([poster("still")], {"2": ["Two", "two"]}, tmp_path)


def test_labels_are_written_for_every_poster(tmp_path: Path) -> None:
    write_labels([poster("still")], {"1": ["Boxes and bags", "boxes"]}, tmp_path)
    assert json.loads((tmp_path / "Topics.json").read_text()) == {"boxes/box.jpg": ["1"]}
    assert list(json.loads((tmp_path / "QA_test_statements.json").read_text())) == ["box.jpg"]
    assert (tmp_path / "qrels.txt").read_text() == "boxes 0 boxes/box.jpg 1\nboxes.1 0 boxes/box.jpg 1\n"


def test_a_file_name_used_twice_is_refused(tmp_path: Path) -> None:
    words = 'file = "a.jpg"\nlayout = "still"\npalette = "ember"\nobjects = ["x"]\nstatements = []\n'
    entry = f'topics = ["1"]\n[[poster]]\n{words}'
    for name in ("one", "two"):
        (tmp_path / f"{name}.toml").write_text(entry)
    with pytest.raises(ComposeError, match=r"a\.jpg"):
        load_posters(tmp_path)


def test_a_missing_font_is_named(tmp_path: Path) -> None:
    with pytest.raises(ComposeError, match=FONT_NAMES[0]):
        find_fonts(tmp_path)
