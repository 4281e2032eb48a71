"""Typefaces that go together: a voice sets headline, body text, brand and button of a poster."""

from dataclasses import dataclass
from pathlib import Path

from sample.compose.errors import ComposeError
from sample.compose.lettering import Style


@dataclass(frozen=True)
class Voice:
    """The styles of one poster."""

    headline: Style
    text: Style
    brand: Style
    label: Style


# name: (headline font, tracking, leading, capitals, size factor, body font, brand font)
_VOICES: dict[str, tuple[str, float, float, bool, float, str, str]] = {
    "poster": ("BebasNeue-Bold", 0.005, 1.12, True, 1.15, "LeagueSpartan-Medium", "BebasNeue-Bold"),
    "script": ("LobsterTwo-Bold", 0, 1.02, False, 1.0, "LeagueSpartan-Medium", "LobsterTwo-Bold"),
    "modern": ("LeagueSpartan-Bold", -0.025, 1.02, False, 0.92, "LeagueSpartan-Regular", "LeagueSpartan-Bold"),
    "heavy": ("LeagueSpartan-Black", -0.02, 1.14, True, 0.84, "LeagueSpartan-Medium", "LeagueSpartan-Black"),
    "round": ("Comfortaa-Bold", -0.02, 1.06, False, 0.84, "Comfortaa-Bold", "Comfortaa-Bold"),
    "tall": ("YanoneKaffeesatz-Bold", 0, 1.0, False, 1.16, "YanoneKaffeesatz-Regular", "YanoneKaffeesatz-Bold"),
    "fine": ("BebasNeue-Book", 0.06, 1.3, True, 0.98, "LeagueSpartan-Regular", "BebasNeue-Regular"),
    "gentle": ("LobsterTwo-Regular", 0, 1.02, False, 1.02, "Comfortaa-Bold", "Comfortaa-Bold"),
}
FONT_NAMES = sorted({name for voice in _VOICES.values() for name in (voice[0], voice[5], voice[6])})


def find_fonts(folder: Path) -> dict[str, Path]:
    """Finds the font files below a folder by their names.

    Raises:
        ComposeError: A font is not there.
    """
    found = {path.stem: path for path in sorted(folder.rglob("*")) if path.suffix in {".otf", ".ttf"}}
    missing = [name for name in FONT_NAMES if name not in found]
    if missing:
        raise ComposeError(f"fonts missing below {folder}: {', '.join(missing)}; sample/README.md names their packages")
    return {name: found[name] for name in FONT_NAMES}


def make_voices(fonts: dict[str, Path]) -> dict[str, Voice]:
    """Builds every voice from the font files."""
    voices = {}
    for name, (display, tracking, leading, capitals, factor, body, brand) in _VOICES.items():
        narrow = body.startswith("Yanone")
        headline = Style(fonts[display], 74 * factor, 24, leading, tracking, capitals, lines=4)
        text = Style(fonts[body], 25 if narrow else 20.5, 18 if narrow else 15, 1.18, 0.0, lines=4)
        mark = Style(fonts[brand], 26 if narrow or brand.startswith("Bebas") else 22, 14, 1.0, 0.05, lines=1)
        label = Style(fonts["LeagueSpartan-Bold"], 17, 12, 1.1, 0.03, capitals=True, lines=1)
        voices[name] = Voice(headline, text, mark, label)
    return voices
