"""The poster list: what every poster shows and says, read from the TOML files of `texts/`."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sample.compose.cutouts import Tint
from sample.compose.errors import ComposeError

SIZES = {"portrait": (512, 640), "landscape": (640, 512), "square": (576, 576)}


@dataclass(frozen=True)
class Poster:
    """One advert: its picture, its words and what it is about.

    `topics` are the topic numbers its annotation lists; `objects` name cutouts, the main one first, or one photograph.
    """

    path: str
    layout: str
    size: tuple[int, int]
    palette: str
    voice: str
    objects: tuple[str, ...]
    topics: tuple[str, ...]
    statements: tuple[str, ...]
    tint: Tint
    mirrored: bool = False
    brand: str = ""
    headline: str = ""
    line: str = ""
    offer: str = ""
    call: str = ""

    @property
    def name(self) -> str:
        """The file name without its folder."""
        return self.path.rsplit("/", 1)[-1]

    @property
    def wordless(self) -> bool:
        """Whether the poster shows no words."""
        return not (self.headline or self.brand)


def load_posters(folder: Path) -> list[Poster]:
    """Reads every `texts/posters/*.toml`, sorted by path.

    Raises:
        ComposeError: Two posters have the same file name, which keys the statements.
    """
    posters: list[Poster] = []
    for path in sorted(folder.glob("*.toml")):
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        posters += [_parse(path.stem, table["topics"], entry) for entry in table["poster"]]
    names = [poster.name for poster in posters]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ComposeError(f"file names used twice: {', '.join(twice)}")
    return sorted(posters, key=lambda poster: poster.path)


def _parse(folder: str, topics: list[str], entry: dict[str, Any]) -> Poster:
    words = {key: entry.get(key, "") for key in ("brand", "headline", "line", "offer", "call")}
    return Poster(
        path=f"{folder}/{entry['file']}",
        layout=entry["layout"],
        size=SIZES[entry.get("size", "portrait")],
        palette=entry["palette"],
        voice=entry.get("voice", "modern"),
        objects=tuple(entry["objects"]),
        topics=tuple(entry.get("topics", topics)),
        statements=tuple(entry["statements"]),
        tint=Tint(**entry.get("tint", {})),
        mirrored=entry.get("mirrored", False),
        **words,
    )
