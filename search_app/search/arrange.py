"""What is done to an order of pictures before a page of it is shown: fold copies, spread, sort."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from search_app.datatypes import FloatVector, Known
from search_app.index.payload import date_of
from search_app.search.ranked import Ranked
from search_app.search.relevance import LINE

SPREAD = 256
"""Of so many of the best the most diverse ones are chosen."""


def group_of(number: int, known: Mapping[int, Known]) -> int:
    """The group of copies a picture is in; of one that has none, or is not among the `known`, its own id."""
    return (known[number].picture.copy_of if number in known else 0) or number


def fold(ranked: Ranked, known: Mapping[int, Known]) -> tuple[Ranked, dict[int, tuple[int, ...]]]:
    """The best of each group of copies, and the ids of the others by its id; `known` holds at least all copies."""
    groups: dict[int, list[int]] = {}
    for number in ranked.ids.tolist():
        groups.setdefault(group_of(number, known), []).append(number)
    first = {members[0]: tuple(members[1:]) for members in groups.values()}
    kept = np.array([number in first for number in ranked.ids.tolist()], bool)
    return ranked.take(kept), {number: others for number, others in first.items() if others}


def spread(ranked: Ranked, vectors: Mapping[int, FloatVector], diversity: float, common: float) -> Ranked:
    """The best ones in the order of maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998).

    Each next picture is the one with the largest (1 - diversity) * relevance - diversity * (cosine to the nearest one
    before it, 0 at `common`, the cosine of two pictures taken at random). Where something is relevant, what is not
    stays behind it: pictures are not shown for being odd.
    """
    relevant = int((ranked.relevance >= LINE).sum())
    count = min(relevant or len(ranked.ids), SPREAD)
    rows = np.stack([vectors[number] for number in ranked.ids[:count].tolist()]) if count else np.empty((0, 1))
    nearest = np.zeros(count)
    open_ = np.ones(count, bool)
    order: list[int] = []
    for _ in range(count):
        gain = np.where(open_, (1 - diversity) * ranked.relevance[:count] - diversity * nearest, -np.inf)
        best = int(np.argmax(gain))
        order.append(best)
        open_[best] = False
        nearest = np.maximum(nearest, (np.vecdot(rows, rows[best]) - common) / (1 - common))
    rest = np.arange(count, len(ranked.ids))
    return ranked.take(np.concatenate([np.array(order, np.intp), rest]))


def sort(ranked: Ranked, known: Mapping[int, Known], by: str) -> Ranked:
    """By a field of `query.SORTABLE`, a `-` before it for the other way; ties stay in the order they have."""
    value = _FIELDS[by.removeprefix("-")]
    keys: Sequence[float | str] = [value(known[number]) for number in ranked.ids.tolist()]
    order = sorted(range(len(keys)), key=lambda place: keys[place], reverse=by.startswith("-"))
    return ranked.take(np.array(order, np.intp))


_FIELDS: Mapping[str, Callable[[Known], float | str]] = {
    "date": lambda known: date_of(known.picture) or "",
    "bytes": lambda known: known.picture.size_bytes,
    "width": lambda known: known.picture.width,
    "height": lambda known: known.picture.height,
    "pixels": lambda known: known.picture.width * known.picture.height,
    "path": lambda known: known.picture.path,
    "id": lambda known: known.id,
}
