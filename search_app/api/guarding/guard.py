"""What the operator decided about who may ask, how often and how slowly; by default everybody, as they like."""

from dataclasses import dataclass

from search_app.api.guarding.keys import KeyRing
from search_app.api.guarding.rates import Rates

CLIENT_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Guard:
    """Rules of one service; its parts that count are used from the event loop only."""

    keys: KeyRing | None = None
    """None: nobody is asked for a key."""
    rates: Rates | None = None
    """None: everybody asks as often as they like."""
    waiting: int = 0
    """Searches that may wait for their turn; 0: as many as run at once."""
    client_seconds: float = CLIENT_SECONDS
    """How long a client may take to send a request, beside what its bytes take at a slow line's speed."""
    hosts: frozenset[str] = frozenset()
    """Names by which the service may be asked; empty: any."""
    origins: tuple[str, ...] = ()
    """Other sites whose pages may ask from a browser."""


def named_hosts(text: str) -> frozenset[str]:
    """Hosts of a setting, between commas."""
    return frozenset(host.strip().lower() for host in text.split(",") if host.strip())


def named_origins(text: str) -> tuple[str, ...]:
    """Origins of a setting, between commas."""
    return tuple(origin.strip().rstrip("/") for origin in text.split(",") if origin.strip())
