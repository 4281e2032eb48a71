"""The export of a whole generation as something to look points up in, without the engine and without reading it all."""

import json
import mmap
import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from search_app.index.edge.export import MEANINGS, POINTS, VECTORS, Rows, to_row_words

_HEAD = re.compile(rb'\{"id": (\d+)')


class ExportLookup:
    """Points by id; keeps 16 bytes in memory for each, and the files open however they are called later."""

    def __init__(self, generation: Path) -> None:
        """Of an export that is unharmed."""
        self._vectors = np.load(generation / VECTORS, mmap_mode="r")
        has_words = (generation / MEANINGS).exists()
        self._meanings = np.load(generation / MEANINGS, mmap_mode="r") if has_words and len(self._vectors) else None
        starts, ids = [], []
        with (generation / POINTS).open("rb") as file:
            self._text = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if len(self._vectors) else b""
            start = 0
            for line in file:
                head = _HEAD.match(line)
                assert head is not None  # noqa: S101 - its digest is that of the file that was written
                ids.append(int(head[1]))
                starts.append(start)
                start += len(line)
        self._ids = np.array(ids, np.int64)
        self._starts = np.array([*starts, start], np.int64)

    def __len__(self) -> int:
        return len(self._ids)

    def __contains__(self, number: int) -> bool:
        return self._place(number) is not None

    def _place(self, number: int) -> int | None:
        place = bisect_left(self._ids, number)
        return place if place < len(self._ids) and self._ids[place] == number else None

    def _line(self, place: int) -> dict[str, Any]:
        start, end = self._starts[place], self._starts[place + 1]
        line: dict[str, Any] = json.loads(self._text[start:end])
        return line

    def payloads(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Id and payload of every point, in id order."""
        for place, number in enumerate(self._ids.tolist()):
            yield number, self._line(place)

    def rows(self, ids: Sequence[int]) -> Rows:
        """The whole points of each id that exists, in their order."""
        places = [place for number in ids if (place := self._place(number)) is not None]
        payloads = [self._line(place) for place in places]
        words = [
            to_row_words(None if self._meanings is None else self._meanings[place], payload)
            for place, payload in zip(places, payloads, strict=True)
        ]
        return Rows([int(payload.pop("id")) for payload in payloads], np.array(self._vectors[places]), words, payloads)
