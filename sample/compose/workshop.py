"""From the poster list to picture files."""

import tomllib
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from sample.compose.colours import Palette, load_palettes
from sample.compose.cutouts import Cutout, load_cutout, read_catalogue
from sample.compose.errors import ComposeError
from sample.compose.layouts import LAYOUTS
from sample.compose.layouts.parts import Job
from sample.compose.posters import Poster
from sample.compose.voices import Voice, find_fonts, make_voices

TEXTS = Path(__file__).parent / "texts"
_SAVING: dict[str, dict[str, Any]] = {
    ".jpg": {"format": "JPEG", "quality": 82, "optimize": True, "progressive": True},
    ".webp": {"format": "WEBP", "quality": 82, "method": 6},
    ".png": {"format": "PNG", "optimize": True},
}


@dataclass(frozen=True)
class Sources:
    """The folders that pictures and fonts are taken from, and what is known about each picture."""

    objects: Path
    photos: Path
    catalogue: dict[str, dict[str, str]]
    palettes: dict[str, Palette]
    voices: dict[str, Voice]
    retouch: dict[str, list[list[int]]]


def open_sources(objects: Path, fonts: Path, photos: Path) -> Sources:
    """Reads the catalogues, palettes and fonts."""
    catalogue = read_catalogue(objects) | tomllib.loads((TEXTS / "photos.toml").read_text(encoding="utf-8"))
    return Sources(
        objects=objects,
        photos=photos,
        catalogue=catalogue,
        palettes=load_palettes(TEXTS / "palettes.toml"),
        voices=make_voices(find_fonts(fonts)),
        retouch=tomllib.loads((TEXTS / "retouch.toml").read_text(encoding="utf-8")),
    )


def compose(poster: Poster, sources: Sources, seed: int) -> Image.Image:
    """Draws one poster; the same seed gives the same picture.

    Raises:
        ComposeError: The poster breaks a rule of composition, named with the poster's path.
    """
    try:
        job = Job(
            poster=poster,
            palette=sources.palettes[poster.palette],
            voice=sources.voices[poster.voice],
            rng=np.random.default_rng([seed, zlib.crc32(poster.path.encode())]),
        )
        if poster.layout == "photograph":
            job.photo = _load_photo(sources, poster.objects[0])
        else:
            job.cutouts = [_load_object(sources, poster, name) for name in poster.objects]
        canvas = LAYOUTS[poster.layout](job)
        if job.cutouts:
            canvas.check_objects()
    except ComposeError as error:
        raise ComposeError(f"{poster.path}: {error}") from error
    except KeyError as error:
        raise ComposeError(f"{poster.path}: unknown name {error}") from error
    return canvas.finished()


def save(picture: Image.Image, path: Path) -> None:
    """Writes a picture in the format of its suffix; a PNG gets a palette of 256 colours."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".png":
        picture = picture.quantize(256, dither=Image.Dither.FLOYDSTEINBERG)
    picture.save(path, **_SAVING[path.suffix])


def _load_object(sources: Sources, poster: Poster, name: str) -> Cutout:
    entry = sources.catalogue[name]
    patches = sources.retouch.get(name, [])
    return load_cutout(name, sources.objects / entry["file"], patches, poster.tint, mirrored=poster.mirrored)


def _load_photo(sources: Sources, name: str) -> Image.Image:
    path = sources.photos / sources.catalogue[name]["file"]
    if not path.is_file():
        raise ComposeError(f"photograph {name} is missing: {path}")
    with Image.open(path) as opened:
        return opened.convert("RGB")
