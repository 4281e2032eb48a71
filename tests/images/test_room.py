"""Very large pictures: what strips give is what the whole gives, and threads wait for room."""

import threading
import time

import numpy as np
import pytest
from PIL import Image

from search_app.errors import ImageTooLarge
from search_app.images import decode, room
from search_app.images.colour import to_rgb
from search_app.images.decode import decode_bytes
from search_app.images.room import Room, rgb_in_strips
from tests.images.pictures import MANY_PIXELS, difference, encode, photo


def deep(mode: str) -> Image.Image:
    """A picture of numbers, some below zero and one that is no number."""
    shades = np.asarray(photo(97, 61).convert("L")).astype(np.float32) * 300 - 5_000
    if mode == "F":
        shades[3, 4] = np.nan
    return Image.fromarray(shades.astype({"F": np.float32, "I": np.int32, "I;16": np.uint16}[mode]))


def pictures() -> dict[str, Image.Image]:
    """One of every kind that is converted in its own way."""
    clear = photo(97, 61)
    clear.putalpha(photo(97, 61).convert("L"))
    palette = photo(97, 61).convert("P")
    palette.info["transparency"] = 3
    made = {"RGB": photo(97, 61), "RGBA": clear, "LA": clear.convert("LA"), "La": clear.convert("LA").convert("La")}
    made |= {mode: photo(97, 61).convert(mode) for mode in ("L", "1", "CMYK", "YCbCr", "LAB", "HSV")}
    return made | {mode: deep(mode) for mode in ("F", "I", "I;16")} | {"P": palette}


@pytest.mark.parametrize("mode", pictures())
@pytest.mark.parametrize("reduce_by", [1, 2, 4])
def test_strips_give_what_the_whole_gives(mode: str, reduce_by: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_STRIP_PIXELS", 97 * 9)
    whole = to_rgb(pictures()[mode]).reduce(reduce_by)
    assert difference(rgb_in_strips(pictures()[mode], reduce_by), whole) == 0


@pytest.mark.parametrize("format_name", ["PNG", "TIFF", "WEBP"])
def test_a_very_large_picture_is_only_as_large_as_it_is_needed(
    format_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = encode(photo(1600, 1200), format_name)
    plain = decode_bytes(data, max_pixels=MANY_PIXELS, min_size=(224, 224))
    monkeypatch.setattr(decode, "LARGE_PIXELS", 1_000_000)
    large = decode_bytes(data, max_pixels=MANY_PIXELS, min_size=(224, 224))
    assert (plain.image.size, large.image.size) == ((1600, 1200), (800, 600))
    assert (large.width, large.height) == (1600, 1200)
    assert difference(*(each.image.resize((299, 224), 3) for each in (plain, large))) < 0.6
    whole = decode_bytes(data, max_pixels=MANY_PIXELS)
    assert difference(whole.image, plain.image) == 0, "where nobody says how much is needed, all of it is"


def test_formats_that_take_more_memory_are_held_to_fewer_pixels() -> None:
    data = encode(photo(), "WEBP")
    assert decode_bytes(data, max_pixels=4 * 96 * 64).width == 96
    with pytest.raises(ImageTooLarge, match=r"6,144 pixels, the limit is 24,575 / 4 \(what decoding WEBP takes\)"):
        decode_bytes(data, max_pixels=4 * 96 * 64 - 1)


def test_threads_wait_for_room_and_a_giant_is_alone() -> None:
    room_of_ten, inside, most = Room(10), 0, []
    changing = threading.Lock()

    def work(pixels: int) -> None:
        nonlocal inside
        with room_of_ten.taken(pixels):
            with changing:
                inside += min(pixels, 10)
                most.append(inside)
            time.sleep(0.001)
            with changing:
                inside -= min(pixels, 10)

    threads = [threading.Thread(target=work, args=(1 + 7 * number % 25,)) for number in range(60)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not any(thread.is_alive() for thread in threads)
    assert len(most) == 60
    assert max(most) <= 10


def test_room_is_given_back_after_a_failure() -> None:
    small = Room(1)
    with pytest.raises(ZeroDivisionError), small.taken(5):
        raise ZeroDivisionError
    with small.taken(1):
        pass
