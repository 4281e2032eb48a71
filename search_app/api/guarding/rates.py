"""How often one client may ask: a bucket of tokens for each (leaky bucket as a meter, ITU-T I.371)."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network

WINDOW_SECONDS = 60
_MOST_CLIENTS = 10_000
"""That are remembered; who asked longest ago is forgotten first."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one client may ask after this request."""

    granted: bool
    left: int
    seconds: int
    """Until the next request is allowed, or until all of them are again where this one was."""


class Rates:
    """Each client may ask `a_minute` times at once and gets that back evenly over a minute. Event loop only."""

    def __init__(self, a_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.a_minute = a_minute
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, client: str) -> Allowance:
        """Count one request of a client."""
        a_second = self.a_minute / WINDOW_SECONDS
        now = self._clock()
        tokens, then = self._buckets.pop(client, (float(self.a_minute), now))
        tokens = min(self.a_minute, tokens + (now - then) * a_second)
        granted = tokens >= 1 - 1e-9  # what is given back in steps never sums up to exactly one
        tokens = max(tokens - 1, 0.0) if granted else tokens
        self._buckets[client] = (tokens, now)
        if len(self._buckets) > _MOST_CLIENTS:
            del self._buckets[next(iter(self._buckets))]
        missing = self.a_minute - tokens if granted else 1 - tokens
        return Allowance(granted, int(tokens + 1e-9), max(1, math.ceil(missing / a_second - 1e-9)))

    def headers(self, allowance: Allowance) -> dict[str, str]:
        """The headers of the answer: draft-ietf-httpapi-ratelimit-headers, and `Retry-After` where it is a no."""
        told = {
            "ratelimit-policy": f'"default";q={self.a_minute};w={WINDOW_SECONDS}',
            "ratelimit": f'"default";r={allowance.left};t={allowance.seconds}',
        }
        return told if allowance.granted else told | {"retry-after": str(allowance.seconds)}


def client_of(address: str) -> str:
    """Who an address counts as: in IPv6 the network it is in, of which one machine has all addresses."""
    try:
        ip = ip_address(address)
    except ValueError:
        return address
    if not isinstance(ip, IPv6Address):
        return address
    if ip.ipv4_mapped:
        return str(ip.ipv4_mapped)
    return str(ip_network((int(ip) >> 64 << 64, 64)))
