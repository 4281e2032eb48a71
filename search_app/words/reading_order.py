"""The order in which people read what stands at these places: line by line, each from left to right."""

from collections.abc import Sequence

from search_app.datatypes import Word

LARGEST_FIRST_VERSION = 1
"""Another where `largest_first` gives another order: vectors by meaning hang on it."""
Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""


def reading_order(boxes: Sequence[Box]) -> list[int]:
    """The places of the boxes in reading order.

    A box belongs to a line where its middle is within the height of the line's first box and the other way round, so
    that large letters do not draw in the small print beside them.
    """
    lines: list[list[int]] = []
    for number in sorted(range(len(boxes)), key=lambda each: (_middle(boxes[each]), boxes[each][0])):
        line = next((line for line in reversed(lines) if _are_level(boxes[line[0]], boxes[number])), None)
        if line is None:
            lines.append([number])
        else:
            line.append(number)
    return [number for line in lines for number in sorted(line, key=lambda each: boxes[each][0])]


def largest_first(words: Sequence[Word]) -> str:
    """The lines by the height of their print, those without a place as they came.

    A vector by meaning is of so many word pieces and no more: what an advert says is written large, and small print,
    of which there is the most, says much the same everywhere.
    """
    return "\n".join(word.text for word in sorted(words, key=_height, reverse=True))


def _height(word: Word) -> float:
    return 0.0 if word.box is None else word.box[3] - word.box[1]


def _middle(box: Box) -> float:
    return (box[1] + box[3]) / 2


def _are_level(first: Box, second: Box) -> bool:
    return first[1] <= _middle(second) <= first[3] and second[1] <= _middle(first) <= second[3]
