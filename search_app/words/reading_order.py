"""The order in which people read what stands at these places: line by line, each from left to right."""

from collections.abc import Sequence

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


def _middle(box: Box) -> float:
    return (box[1] + box[3]) / 2


def _are_level(first: Box, second: Box) -> bool:
    return first[1] <= _middle(second) <= first[3] and second[1] <= _middle(first) <= second[3]
