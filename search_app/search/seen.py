"""What is learnt of each query that is answered, for whoever counts, logs or traces: told where somebody listens."""

from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

QueryKind: TypeAlias = Literal["words", "picture", "mixture"]
Outcome: TypeAlias = Literal["match", "no_match", "unranked"]
"""Whether something relevant was found; `unranked` where the engine's order was the answer and nobody asked."""


class Lap(NamedTuple):
    """One stage of an answer; both times are of `time.perf_counter`."""

    stage: str
    began: float
    ended: float


@dataclass(frozen=True, slots=True)
class Seen:
    """One query and how it was answered."""

    collection: str
    model: str
    kind: QueryKind
    outcome: Outcome
    texts: tuple[str, ...]
    """Its words, for a log that was told to keep them."""
    laps: tuple[Lap, ...]
    top_score: float | None = None
    """Of the best hit; None where there is none, or where filters, order or page say more about it than the query."""
    top_relevance: float | None = None
    """The same; None for `unranked` too."""


_listener: ContextVar[list[Seen] | None] = ContextVar("seen", default=None)


def listen(kept: list[Seen]) -> None:
    """Have what is seen from here on, in this context and in threads it hands work to, put into `kept`."""
    _listener.set(kept)


def tell(seen: Seen) -> None:
    """Tell it to whoever listens in this context."""
    kept = _listener.get()
    if kept is not None:
        kept.append(seen)
