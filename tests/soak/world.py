"""A folder of small pictures that changes for ever and stays as large as it is: what a soak indexes again and again."""

import io
import random
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

VOCABULARY = ("sale", "sugar", "beach", "dog", "fresh", "coffee", "winter", "fast", "garden", "night", "music", "free")
COLOURS = {
    "red": (220, 30, 30),
    "orange": (255, 140, 0),
    "yellow": (250, 230, 40),
    "green": (30, 160, 60),
    "blue": (30, 70, 220),
    "purple": (130, 40, 160),
    "white": (250, 250, 250),
    "black": (10, 10, 10),
}
SUFFIXES = {".jpg": "JPEG", ".png": "PNG", ".webp": "WEBP"}
STEADY = 12
"""Pictures that nobody touches: their ids may be asked for at any time."""


def picture_bytes(number: int, kind: str = "PNG") -> bytes:
    """A picture that belongs to `number`: a ground of one colour, a patch of another, grain."""
    rng = np.random.default_rng(number)
    width, height = (int(side) for side in rng.integers(24, 80, 2))
    ground, patch = (np.array(colour) for colour in rng.choice(list(COLOURS.values()), 2, replace=False))
    pixels = np.broadcast_to(ground, (height, width, 3)).astype(float)
    top, left = int(rng.integers(0, height // 2)), int(rng.integers(0, width // 2))
    pixels = pixels.copy()
    pixels[top : top + height // 2, left : left + width // 2] = patch
    pixels += rng.normal(0, 12, pixels.shape)
    buffer = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(buffer, kind)
    return buffer.getvalue()


@dataclass
class World:
    """The folder, and what is done to it next; the same seed does the same."""

    folder: Path
    seed: int
    size: int
    names: list[str] = field(default_factory=list)
    """Of the pictures that may be changed, removed or renamed."""
    made: int = 0

    def __post_init__(self) -> None:
        """Fill the folder."""
        self._rng = random.Random(self.seed)
        self.folder.mkdir(parents=True, exist_ok=True)
        for _ in range(STEADY):
            self._put(f"a/steady-{self.made:05d}.png")
        for _ in range(self.size - STEADY):
            self._add()

    def change(self) -> dict[str, int]:
        """Add, remove, change, rename and copy a few, and write other words beside some; returns how many of each."""
        rng = self._rng
        done = {kind: rng.randrange(1, 5) for kind in ("add", "change", "rename", "copy", "word")}
        for kind, times in done.items():
            for _ in range(times):
                getattr(self, f"_{kind}")()
        done["remove"] = max(0, len(self.names) - (self.size - STEADY))
        for _ in range(done["remove"]):
            self._remove()
        return done

    def offer(self) -> tuple[str, bytes]:
        """Name and content of a new picture that somebody else writes; its words are there already."""
        name = self._new_name()
        self.made += 1
        self._write_words(name)
        return name, picture_bytes(self.seed * 10**6 + self.made, SUFFIXES[Path(name).suffix])

    def forget(self, name: str) -> None:
        """What belongs to a picture that somebody else removed."""
        self.names.remove(name)
        (self.folder / f"{name}.txt").unlink()

    def _new_name(self) -> str:
        folder, suffix = self._rng.choice(("a", "b", "b/c")), self._rng.choice([*SUFFIXES])
        return f"{folder}/{self._rng.randrange(10**6):06d}-{self.made:05d}{suffix}"

    def _add(self) -> None:
        name = self._new_name()
        self._put(name)
        self.names.append(name)

    def _copy(self) -> None:
        """The same bytes under another name."""
        source = self._any()
        name = f"b/copy-{self.made:05d}{source.suffix}"
        self._put(name, source.read_bytes())
        self.names.append(name)

    def _change(self) -> None:
        name = self._rng.choice(self.names)
        self._put(name)

    def _rename(self) -> None:
        old = self.names.pop(self._rng.randrange(len(self.names)))
        new = f"a/moved-{self.made:05d}{Path(old).suffix}"
        self.made += 1
        for one, other in ((old, new), (f"{old}.txt", f"{new}.txt")):
            (self.folder / one).rename(self.folder / other)
        self.names.append(new)

    def _word(self) -> None:
        self._write_words(self._rng.choice(self.names))

    def _remove(self) -> None:
        name = self.names.pop(self._rng.randrange(len(self.names)))
        (self.folder / name).unlink()
        (self.folder / f"{name}.txt").unlink()

    def _any(self) -> Path:
        return self.folder / self._rng.choice(self.names)

    def _put(self, name: str, data: bytes | None = None) -> None:
        self.made += 1
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data or picture_bytes(self.seed * 10**6 + self.made, SUFFIXES[path.suffix]))
        self._write_words(name)

    def _write_words(self, name: str) -> None:
        """A sidecar, so that nothing has to be read out of pixels; one in four pictures has no words."""
        words = self._rng.sample(VOCABULARY, self._rng.randrange(4))
        (self.folder / f"{name}.txt").write_text(" ".join(words), encoding="utf-8")
