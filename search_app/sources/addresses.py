"""Which addresses of the internet pictures may be fetched from: public ones, in whatever spelling they come.

The networks are those of IANA's registries of special-purpose addresses, and two more that clouds answer from. They
stand here in full because `ipaddress.is_private` says different things in different versions of Python.
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TypeAlias

Network: TypeAlias = IPv4Network | IPv6Network

_CLOSED_V4 = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",  # this host, on this network
            "10.0.0.0/8",
            "100.64.0.0/10",  # carrier-grade NAT; one cloud's metadata service at 100.100.100.200
            "127.0.0.0/8",
            "168.63.129.16/32",  # a cloud's own services, though the address is a public one
            "169.254.0.0/16",  # link-local; most clouds' metadata service at 169.254.169.254
            "172.16.0.0/12",
            "192.0.0.0/24",  # protocol assignments; one cloud's metadata service at 192.0.0.192
            "192.0.2.0/24",
            "192.88.99.0/24",  # relays of 6to4
            "192.168.0.0/16",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, and the broadcast address
        ),
    )
)
_GLOBAL_V6 = IPv6Network("2000::/3")
"""All of IPv6 that is given out; outside are loopback, `::ffff:` and its like, fd00::/8, fe80::/10 and multicast."""
_CLOSED_V6 = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # protocol assignments; Teredo, which wraps an IPv4 address
            "2001:db8::/32",
            "2002::/16",  # 6to4, which wraps an IPv4 address
            "3fff::/20",
        ),
    )
)
_NAT64 = IPv6Network("64:ff9b::/96")
"""How a network without IPv4 reaches it: the last 32 bits are the address that counts."""

_ISATAP = frozenset({0x5EFE, 0x0200_5EFE})
"""How the third quarter of an address says the same within a site's own network (RFC 5214)."""


def may_be_fetched_from(address: str, permitted: Iterable[Network] = ()) -> bool:
    """Whether a numeric address is a public one, or in one of the `permitted` networks; a zone makes it local."""
    try:
        ip = ip_address(address)
    except ValueError:  # not a number: nothing that a resolver gives
        return False
    if any(ip in network for network in permitted):
        return True
    return _is_public_v6(ip) if isinstance(ip, IPv6Address) else _is_public_v4(ip)


def _is_public_v4(ip: IPv4Address) -> bool:
    return not any(ip in network for network in _CLOSED_V4)


def _is_public_v6(ip: IPv6Address) -> bool:
    if ip.scope_id is not None:
        return False
    if ip in _NAT64 or int(ip) >> 32 & 0xFFFFFFFF in _ISATAP:
        return _is_public_v4(IPv4Address(int(ip) & 0xFFFFFFFF))
    return ip in _GLOBAL_V6 and not any(ip in network for network in _CLOSED_V6)
