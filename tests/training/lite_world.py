"""A made-up set of captioned pictures: balls and boxes in six colours."""

import json
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

COLOURS = ("red", "green", "blue", "yellow", "black", "white")
SHAPES = {"ball": "ellipse", "box": "rectangle"}


def draw(path: Path, colour: str, shape: str, random: np.random.Generator) -> None:
    picture = Image.new("RGB", (260, 260), "grey")
    left, top = random.integers(10, 60, 2)
    getattr(ImageDraw.Draw(picture), SHAPES[shape])((left, top, left + 170, top + 170), fill=colour)
    picture.save(path)


def draw_pictures(folder: Path) -> Path:
    """Draw 48 pictures of the split `train` and 12 of `dev`, two captions each; returns the file of the captions."""
    random = np.random.default_rng(0)
    entries = {}
    for split, copies in (("train", 4), ("dev", 1)):
        for copy in range(copies):
            for colour in COLOURS:
                for shape in SHAPES:
                    name = f"{split}-{colour}-{shape}-{copy}.png"
                    draw(folder / name, colour, shape, random)
                    captions = [f"a {colour} {shape}", f"a {shape} that is {colour}"]
                    entries[name] = {"split": split, "captions": captions}
    captions = folder / "captions.json"
    captions.write_text(json.dumps(entries))
    return captions
