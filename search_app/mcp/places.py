"""A heat map in words: in which part of the picture the match lies."""

from collections.abc import Sequence

_DOWN = ("at the top", "in the middle", "at the bottom")
_ACROSS = ("left", "", "right")


def place_of(cells: Sequence[Sequence[float]]) -> str | None:
    """In which ninth of the picture the centre of the hottest cells lies; None where no cell stands out.

    `cells` are rows from the top, 0 to 1; those of at least 0.9 count.
    """
    hot = [
        ((row + 0.5) / len(cells), (column + 0.5) / len(line))
        for row, line in enumerate(cells)
        for column, heat in enumerate(line)
        if heat >= 0.9
    ]
    if not hot:
        return None
    down, across = (min(int(3 * sum(each) / len(hot)), 2) for each in zip(*hot, strict=True))
    return " ".join(filter(None, (_DOWN[down], _ACROSS[across])))
