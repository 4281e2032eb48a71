"""A few changes over the export of a whole generation: what is found through them, and the delta they make."""

from collections.abc import Iterator, Sequence

from search_app.datatypes import Known
from search_app.index.edge.deltas import Delta
from search_app.index.edge.export import Rows
from search_app.index.edge.light.lookup import ExportLookup
from search_app.index.edge.light.rows import Row, rows_of
from search_app.index.edge.shard import INDEX_FROM
from search_app.index.payload import to_known
from search_app.index.validate import check_existing

MOST = 1_000
"""Points of a delta: each commit writes all of them, and each process that opens the collection stores them."""


class Overlay:
    """The points of a collection: those of the export beneath, but for what is removed or other."""

    def __init__(self, export: ExportLookup, delta: Delta) -> None:
        """`delta` is what was committed over the generation that `export` is of."""
        self._export, rows = export, delta.rows
        self._dim = rows.vectors.shape[1]
        self._rows = {
            number: Row(vector, words, payload)
            for number, vector, words, payload in zip(rows.ids, rows.vectors, rows.words, rows.payloads, strict=True)
        }
        self._removed = set(delta.removed)
        self._lost = {*self._removed, *(number for number in self._rows if number in self._export)}
        """Points of the whole generation that are removed or replaced."""
        self.changed: set[int] = set()
        """Since the commit of `delta`."""

    def __len__(self) -> int:
        fresh = sum(number not in self._export for number in self._rows)
        return len(self._export) - len(self._removed) + fresh

    def find(self, ids: Sequence[int]) -> dict[int, Row]:
        """What is known of the ids that exist."""
        found = {number: self._rows[number] for number in ids if number in self._rows}
        rest = self._export.rows([number for number in ids if number not in found and number not in self._removed])
        there = zip(rest.ids, rest.vectors, rest.words, rest.payloads, strict=True)
        found |= {number: Row(vector, words, payload) for number, vector, words, payload in there}
        return {number: found[number] for number in ids if number in found}

    def existing(self, ids: Sequence[int]) -> dict[int, Row]:
        """What is known of the ids; raises `ValueError` for one that does not exist."""
        found = self.find(ids)
        check_existing(ids, found)
        return found

    def scan(self) -> Iterator[Known]:
        """Every picture in id order."""
        rows, removed = self._rows, self._removed
        fresh = sorted(number for number in rows if number not in self._export)
        for number, payload in self._export.payloads():
            while fresh and fresh[0] < number:
                yield to_known(fresh[0], rows[fresh.pop(0)].payload)
            if number not in removed:
                yield to_known(number, rows[number].payload if number in rows else payload)
        yield from (to_known(number, rows[number].payload) for number in fresh)

    def store(self, rows: dict[int, Row]) -> None:
        """Add or replace points."""
        self._rows |= rows
        self._removed -= rows.keys()
        self.changed |= rows.keys()
        self._lost |= {number for number in rows if number in self._export}

    def remove(self, ids: Sequence[int]) -> None:
        """Remove points; unknown ids are ignored."""
        for number in self.find(ids):
            self.changed.add(number)
            self._rows.pop(number, None)
            if number in self._export:
                self._removed.add(number)
                self._lost.add(number)

    def would_be_too_much(self, ids: Sequence[int]) -> bool:
        """Whether these changes more are too many for a delta.

        Too many are also those from which fields are indexed, and those after which a rollback may be wished for.
        """
        more = {int(number) for number in ids} - self._rows.keys() - self._removed
        lost = len(self._lost) + sum(number in self._export for number in more)
        changed, count = len(self._rows) + len(self._removed) + len(more), len(self._export)
        needs_fields = count < INDEX_FROM <= count + changed - lost
        return needs_fields or changed > MOST or 2 * lost > count

    def since_commit(self) -> tuple[list[int], Rows]:
        """The ids that were removed since the last commit, and the points that were stored."""
        changed = sorted(self.changed)
        gone = [number for number in changed if number not in self._rows]
        return gone, rows_of({number: self._rows[number] for number in changed if number in self._rows}, self._dim)

    def delta(self) -> Delta:
        """All that differs from the whole generation."""
        return Delta(rows_of(self._rows, self._dim), frozenset(self._removed))
