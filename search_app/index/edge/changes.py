"""What an index run changes: against the generation it began from, and since its last commit."""

from collections.abc import Sequence
from pathlib import Path

from search_app.datatypes import Manifest

_FEW = 5_000


class Changes:
    """Counts points that are replaced or removed, to judge a rollback, and lists those an export must renew."""

    def __init__(self, before: Path | None, manifest: Manifest | None) -> None:
        self.before = before
        """The generation that the run began from."""
        self._given = manifest.next_id if manifest else 0
        self._count = manifest.count if manifest else 0
        self._lost: set[int] = set()
        self._unknown = False
        self._since_commit: set[int] | None = set()

    def note(self, ids: Sequence[int], *, lost: bool) -> None:
        """Note points that change; `lost` when what was there before is replaced or removed."""
        if self._since_commit is not None:
            self._since_commit.update(ids)
        if lost:
            self._lost.update(number for number in ids if number < self._given)

    def forget(self) -> None:
        """Take everything as changed: the work is a rebuild, or an interrupted run did an unknown part of it."""
        self._unknown, self._since_commit = True, None

    def committed(self) -> None:
        """Begin to list anew."""
        self._since_commit = set()

    def few(self) -> set[int] | None:
        """The points changed since the last commit, where they are known and so few that it pays to single them out."""
        return self._since_commit if self._since_commit is not None and len(self._since_commit) <= _FEW else None

    def worth_a_rollback(self) -> Path | None:
        """The generation before the run, when more than half of it was replaced or removed."""
        return self.before if self._unknown or 2 * len(self._lost) > self._count else None
