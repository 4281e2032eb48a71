"""What one request left behind on its way through the service: filled by whoever knows, read once at its end."""

from collections.abc import MutableMapping
from dataclasses import dataclass, field
from typing import Any, Literal

from search_app.search.seen import Lap, Seen


@dataclass(slots=True)
class Journal:
    """Notes of one request."""

    seen: list[Seen] = field(default_factory=list)
    """Queries that were answered for it, also those whose answers were repeated from memory."""
    laps: list[Lap] = field(default_factory=list)
    """Stages outside of searches: waiting for a turn."""
    memory: Literal["", "hit", "miss"] = ""
    """Whether its answer was repeated from memory; empty where that was not possible."""
    refused: str = ""
    """Why it was turned away: one of `metrics.REFUSALS`."""
    key: str = ""
    """Name of the key it came with."""
    thumbnail: Literal["", "hit", "miss"] = ""
    added: int = 0
    removed: int = 0

    def all_laps(self) -> list[Lap]:
        """Every stage, also those of its searches, as they began."""
        laps = [*self.laps, *(lap for seen in self.seen for lap in seen.laps)]
        return sorted(laps, key=lambda lap: lap.began)


def journal_of(scope: MutableMapping[str, Any]) -> Journal:
    """The journal of a request; one that nobody reads where nobody watches."""
    state = scope.setdefault("state", {})
    journal: Journal = state.get("journal") or state.setdefault("journal", Journal())
    return journal
