"""Setting text: balanced lines, sizes that fit, tracking by size, positions of every glyph."""

from dataclasses import dataclass, replace
from functools import cache
from itertools import combinations, pairwise
from pathlib import Path

from PIL import ImageDraw, ImageFont

from sample.compose.errors import ComposeError

REFERENCE_SIZE = 100.0


@dataclass(frozen=True)
class Style:
    """How a piece of text is set; sizes in pixels of the finished poster, tracking in parts of the size."""

    font: Path
    largest: float
    smallest: float = 15.0
    leading: float = 1.12
    tracking: float = 0.0
    capitals: bool = False
    lines: int = 3


@dataclass(frozen=True)
class Block:
    """Text broken into lines at a size; `width` and `height` are those of the ink."""

    lines: tuple[str, ...]
    style: Style
    size: float

    @property
    def width(self) -> float:
        """The widest line."""
        return max(line_width(line, self.style) for line in self.lines) * self.size / REFERENCE_SIZE

    @property
    def height(self) -> float:
        """From the top of the first line's capitals to the foot of the last line."""
        return unit_height(len(self.lines), self.style) * self.size

    @property
    def rise(self) -> float:
        """From the top of the block to the first baseline."""
        return extents(self.style)[0] * self.size


@cache
def load_font(path: Path, size: float) -> ImageFont.FreeTypeFont:
    """Opens a font file at a size in pixels."""
    return ImageFont.truetype(path, size)


@cache
def extents(style: Style) -> tuple[float, float]:
    """Returns how far letters rise above and sink below the baseline, in parts of the size."""
    sample = "H" if style.capitals else "Hdglpy"
    _, top, _, bottom = load_font(style.font, REFERENCE_SIZE).getbbox(sample, anchor="ls")
    return -top / REFERENCE_SIZE, max(0.0, bottom) / REFERENCE_SIZE


def unit_height(lines: int, style: Style) -> float:
    """Returns the height of so many lines at size 1."""
    rise, sink = extents(style)
    return rise + sink + (lines - 1) * pitch(style)


def pitch(style: Style) -> float:
    """Returns the distance of two baselines at size 1."""
    rise, sink = extents(style)
    return (rise + sink) * style.leading + (0.06 if style.capitals else 0.0)


@cache
def line_width(line: str, style: Style) -> float:
    """Returns the width of a line at the reference size, tracking included."""
    length = load_font(style.font, REFERENCE_SIZE).getlength(line)
    return length + style.tracking * REFERENCE_SIZE * max(0, len(line) - 1)


@cache
def balanced(text: str, count: int, style: Style) -> tuple[str, ...]:
    """Breaks text into `count` lines so that the widest is as narrow as can be."""
    words = text.split()
    breaks = ((0, *inner, len(words)) for inner in combinations(range(1, len(words)), count - 1))
    choices = (tuple(" ".join(words[a:b]) for a, b in pairwise(cuts)) for cuts in breaks)
    return min(choices, key=lambda lines: max(line_width(line, style) for line in lines))


def fit(text: str, style: Style, width: float, height: float = float("inf")) -> Block:
    """Sets text as large as its style, the width and the height allow; of equal sizes the one with fewer lines.

    Raises:
        ComposeError: Even at the style's smallest size the text needs more room.
    """
    shown = text.upper() if style.capitals else text
    best: Block | None = None
    for count in range(1, min(style.lines, len(shown.split())) + 1):
        lines = balanced(shown, count, style)
        widest = max(line_width(line, style) for line in lines) / REFERENCE_SIZE
        size = min(style.largest, width / widest, height / unit_height(count, style))
        if best is None or size > best.size * 1.02:
            best = Block(lines, style, size)
    if best is None or best.size < style.smallest:
        raise ComposeError(f"{text!r} does not fit into {width:.0f} x {height:.0f} pixels")
    return best


def shrink(block: Block, share: float) -> Block:
    """Returns the block at a share of its size.

    Raises:
        ComposeError: That is below the style's smallest size.
    """
    if block.size * share < block.style.smallest - 0.01:
        raise ComposeError(f"{' '.join(block.lines)!r} would be set at {block.size * share:.0f} pixels, too small")
    return replace(block, size=block.size * share)


def draw_line(draw: ImageDraw.ImageDraw, at: tuple[float, float], line: str, block: Block, scale: int) -> None:
    """Draws one line on a mask, baseline at `at` (poster pixels), kerning kept where the line is tracked."""
    font = load_font(block.style.font, block.size * scale)
    x, y = at[0] * scale, at[1] * scale
    if block.style.tracking == 0:
        draw.text((x, y), line, font=font, fill=255, anchor="ls")
        return
    step = block.style.tracking * block.size * scale
    for place, glyph in enumerate(line):
        offset = font.getlength(line[: place + 1]) - font.getlength(glyph)
        draw.text((x + offset + place * step, y), glyph, font=font, fill=255, anchor="ls")
