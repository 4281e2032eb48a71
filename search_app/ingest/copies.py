"""Which pictures are copies of each other: a pure function over hashes, shapes and vectors.

Two files of the same bytes are copies. So are two files that show the same picture, saved in another format, size or
tone, cropped or framed a little: their perceptual hashes are near, and frequency hashes, shapes and vectors agree. One
kind of evidence is not enough: a hash alone joins pictures of one layout, a vector alone pictures of the same things.

A group is a star around its first picture, the one with the smallest id, and each member matches that one itself or has
the bytes of one that does. So a chain of small changes cannot end at another picture, and a picture that comes later
never changes the groups of those before it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search_app.datatypes import COLOURS, FloatVector
from search_app.ingest.near_hashes import HashIndex, near_by_hand

_BRIGHT = np.uint16(sum(1 << at for at, name in enumerate(COLOURS) if name not in {"black", "white", "grey"}))
BLOCK = 4096
"""Pictures compared with one another one by one; with those of earlier blocks through an index of hashes."""
KEPT_VECTORS = 4 * BLOCK
FEW = 16
"""So many pictures are compared with all others one by one: an index of 65,000 hashes takes longer to make."""

Rows = NDArray[np.int64]
Vectors = Callable[[Sequence[int]], Mapping[int, FloatVector]]
"""Gives the unit vectors of ids, as readers and writers do; asked only for pictures whose hashes are near."""


@dataclass(frozen=True, slots=True)
class CopyRule:
    """When two pictures of other bytes are the same picture; `benchmarks.duplicates` measures it."""

    most_bits: int = 10
    """Of the 64 of the perceptual hash, that may differ."""
    most_frequency_bits: int = 14
    """Of the 64 of the frequency hash."""
    most_stretch: float = 1.12
    """The wider shape by the narrower, each width / height."""
    least_cosine: float = 0.3
    """Of the vectors."""
    least_detail: int = 6
    """Bits of a perceptual hash that must be set, and not set: those of flat pictures are alike and tell nothing."""


SAME_PICTURE = CopyRule()

VIEWS = ((0, 0), (0, 1), (1, 0))
"""Which hashes of two pictures may meet: the whole of one is the whole of the other, or what is inside its margin."""
FREQUENCY = 2
"""Columns from a perceptual hash to the frequency hash of the same view."""


@dataclass(frozen=True, slots=True, eq=False)
class Looks:
    """What is known about pictures without opening them again; row by row."""

    ids: NDArray[np.int64]
    """Shape (n,), no two alike."""
    contents: Sequence[str]
    """Hashes of the files' bytes."""
    hashes: NDArray[np.uint64]
    """Shape (n, 4), as `images.fingerprints.parse_hashes` gives them; zeros where not known: only the bytes count."""
    shapes: NDArray[np.float64]
    """Shape (n,), width / height."""
    colours: NDArray[np.uint16] | None = None
    """Shape (n, 2), as `colour_bits` gives them; None where nothing is known of any."""


def colour_bits(names: Sequence[str]) -> tuple[int, int]:
    """The dominant colours of a picture and the largest of them, a bit a colour of `COLOURS`; zeros: not known."""
    bits = [1 << COLOURS.index(name) for name in names]
    return sum(bits), bits[0] if bits else 0


def group_copies(
    looks: Looks, vectors: Vectors, rule: CopyRule = SAME_PICTURE, settled: Mapping[int, int] | None = None
) -> dict[int, int]:
    """The first picture's id for each picture that is in a group of two or more, the first one included.

    `settled` has the first picture's id for each of the pictures with the smallest ids, its own where it is alone, as
    known from before the others came: these are not compared again.
    """
    order = np.argsort(looks.ids, kind="stable").tolist()
    first_of: dict[str, int] = {}
    firsts = [first_of.setdefault(looks.contents[row], row) for row in order]
    matcher = _Matcher(looks, vectors, rule)
    rows = np.fromiter(first_of.values(), np.int64, len(first_of))
    rows = rows[matcher.has_detail[rows].any(axis=1)]
    known = _known_heads(looks, rows, settled or {})
    head_of = dict(zip(rows.tolist(), _heads(rows, known, matcher).tolist(), strict=True))
    grouped = [(row, head_of.get(first, first)) for row, first in zip(order, firsts, strict=True)]
    with_members = {head for row, head in grouped if row != head}
    return {int(looks.ids[row]): int(looks.ids[head]) for row, head in grouped if head in with_members}


def _known_heads(looks: Looks, rows: Rows, settled: Mapping[int, int]) -> Rows:
    """The rows of the heads of those of `rows` that are settled, the first ones."""
    row_of = dict(zip(looks.ids.tolist(), range(len(looks.ids)), strict=True)) if settled else {}
    ids = looks.ids[rows].tolist()
    return np.array([row_of[settled[number]] for number in ids if number in settled], dtype=np.int64)


def _heads(rows: Rows, known: Rows, matcher: "_Matcher") -> Rows:
    """The row of the first earlier head that each of `rows`, in the order of ids, matches; else its own."""
    head_of = rows.copy()
    head_of[: len(known)] = known
    heads = rows[: len(known)][known == rows[: len(known)]]
    for start in range(len(known), len(rows), BLOCK):
        block = rows[start : start + BLOCK]
        found = matcher.among_heads(block, heads)
        is_open = found < 0
        found[is_open] = matcher.among_themselves(block[is_open])
        head_of[start : start + BLOCK] = found
        heads = np.concatenate([heads, block[found == block]])
    return head_of


class _Matcher:
    """Compares pictures, by their rows."""

    def __init__(self, looks: Looks, vectors: Vectors, rule: CopyRule) -> None:
        self._looks, self._vectors, self._rule = looks, vectors, rule
        self._columns = [np.ascontiguousarray(column) for column in looks.hashes.T]
        detail = np.bitwise_count(looks.hashes[:, :FREQUENCY])
        self.has_detail = (detail >= rule.least_detail) & (detail <= 64 - rule.least_detail)
        """Shape (n, 2): whether the perceptual hash of the whole, and of the inner view, tells anything."""
        self._kept: dict[int, FloatVector] = {}

    def among_heads(self, rows: Rows, heads: Rows) -> Rows:
        """The first of `heads` that each of `rows` matches, or -1."""
        places = np.full(len(rows), len(heads))
        for view, other in VIEWS if len(heads) else ():
            for asked, near in self._near(self._columns[view][rows], self._columns[other][heads]):
                agreed = self._agree(rows[asked], heads[near])
                np.minimum.at(places, asked[agreed], near[agreed])
        first: Rows = np.append(heads, -1)[places]
        return first

    def _near(
        self, queries: NDArray[np.uint64], hashes: NDArray[np.uint64]
    ) -> Iterable[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        if len(queries) <= FEW:
            return [near_by_hand(hashes, queries, self._rule.most_bits)]
        return HashIndex(hashes, self._rule.most_bits).near(queries)

    def among_themselves(self, rows: Rows) -> Rows:
        """The first of `rows` that is nobody's copy and that each of them matches, itself at last."""
        head_of = np.full(len(rows), -1)
        columns = [self._columns[view][rows] for view in range(FREQUENCY)]
        left = np.arange(len(rows))
        while left.size:
            head, left = left[0], left[1:]
            head_of[head] = head
            is_near = np.zeros(len(left), dtype=np.bool_)
            for view, other in VIEWS:
                is_near |= np.bitwise_count(columns[view][left] ^ columns[other][head]) <= self._rule.most_bits
            if is_near.any():
                near = left[is_near]
                head_of[near[self._agree(rows[near], np.full(len(near), rows[head]))]] = head
                left = left[head_of[left] < 0]
        result: Rows = rows[head_of]
        return result

    def _agree(self, first: Rows, second: Rows) -> NDArray[np.bool_]:
        """One answer for each pair of rows; a picture without a vector agrees with none."""
        stretch = self._looks.shapes[first] / self._looks.shapes[second]
        answers = np.maximum(stretch, 1 / stretch) <= self._rule.most_stretch
        answers &= self._have_colours_of(first, second)
        answers &= np.logical_or.reduce([self._meet(first, second, *view) for view in VIEWS])
        is_open = np.flatnonzero(answers)
        for start in range(0, len(is_open), BLOCK):
            part = is_open[start : start + BLOCK]
            cosines = self._cosines(self._looks.ids[first[part]], self._looks.ids[second[part]])
            answers[part] = cosines >= self._rule.least_cosine
        return answers

    def _have_colours_of(self, first: Rows, second: Rows) -> NDArray[np.bool_]:
        """Whether both are of one colour: the hashes see light and dark only, and a red shoe is no copy of a blue one.

        The largest colour of one must be among those of the other, and where both have bright ones they share one.
        """
        if self._looks.colours is None:
            return np.ones(len(first), np.bool_)
        (ours, largest), (theirs, their_largest) = (self._looks.colours[rows].T for rows in (first, second))
        shared = ((largest & theirs) | (their_largest & ours)) > 0
        clash = ((ours & _BRIGHT) > 0) & ((theirs & _BRIGHT) > 0) & ((ours & theirs & _BRIGHT) == 0)
        answers: NDArray[np.bool_] = (ours == 0) | (theirs == 0) | (shared & ~clash)
        return answers

    def _meet(self, first: Rows, second: Rows, view: int, other: int) -> NDArray[np.bool_]:
        """Whether both hashes of these views are near, and tell something."""
        differing = np.bitwise_count(self._columns[view][first] ^ self._columns[other][second])
        waves = np.bitwise_count(self._columns[view + FREQUENCY][first] ^ self._columns[other + FREQUENCY][second])
        near = (differing <= self._rule.most_bits) & (waves <= self._rule.most_frequency_bits)
        answers: NDArray[np.bool_] = near & self.has_detail[first, view] & self.has_detail[second, other]
        return answers

    def _cosines(self, first: Rows, second: Rows) -> NDArray[np.float64]:
        wanted = np.union1d(first, second).tolist()
        if len(self._kept) > KEPT_VECTORS:
            self._kept.clear()
        missing = [number for number in wanted if number not in self._kept]
        if missing:
            self._kept.update(self._vectors(missing))
        return np.array(
            [
                float(self._kept[one] @ self._kept[other]) if one in self._kept and other in self._kept else -1.0
                for one, other in zip(first.tolist(), second.tolist(), strict=True)
            ]
        )
